#include "proxy/cli.h"

#include <signal.h>
#include <string.h>

#include "proxy/cli_parts.h"

int cli_run(const cli_command *c, const cli_gateway *g)
{
    if (c->help) return cli_print(or_str_z(cli_help_of(c->name))) ? CLI_OK : CLI_FAILED;
    signal(SIGPIPE, SIG_IGN); /* `orproxy models | head` ends by a failed write */
    signal(SIGXFSZ, SIG_IGN);
    if (strcmp(c->name, "chat") == 0) return cli_chat(c, g);
    if (strcmp(c->name, "models") == 0) return cli_models(c, g);
    if (strcmp(c->name, "route") == 0) return cli_route(c, g);
    if (strcmp(c->name, "check") == 0) return cli_check(c);
    if (strcmp(c->name, "health") == 0) return cli_health();
    if (strcmp(c->name, "replay") == 0) return cli_replay(c);
    if (strcmp(c->name, "what-if") == 0) return cli_what_if(c);
    if (strcmp(c->name, "keys") == 0) return cli_keys(c, g);
    if (strcmp(c->name, "credits") == 0) return cli_credits(c, g);
    if (strcmp(c->name, "usage") == 0) return cli_usage(c, g);
    return cli_audit(c, g);
}
