/* What the commands say about themselves. */
#include <string.h>

#include "proxy/cli_parts.h"

#define COMMON_HELP                                                            \
    "\n"                                                                       \
    "  -c FILE, --set KEY=VALUE, --demo, --upstream URL, --upstream-key REF\n" \
    "                        settings, as for serving: see orproxy --help\n"

static const char chat_help[] =
    "usage: orproxy chat [options] [TEXT | -]\n"
    "\n"
    "Asks through the configured routes and prints the answer as it comes. With TEXT one\n"
    "question; with - the text is read from standard input. Without, on a terminal, a\n"
    "conversation: /help lists its commands, Ctrl-C ends an answer, Ctrl-D the program.\n"
    "\n"
    "  -m MODEL[,MODEL...]   whom to ask; several are asked at once (at most 8). Default:\n"
    "                        default_model of the settings\n"
    "  --system TEXT         what stands before the conversation\n"
    "  --reasoning           print reasoning, too (always on a terminal, dimmed)\n" COMMON_HELP "\n"
    "After each answer a line on stderr says who answered, the tokens, the cost, the time.\n"
    "Exit status: 1 when an answer failed or was cut.\n";

static const char models_help[] =
    "usage: orproxy models [options] [SEARCH]\n"
    "\n"
    "Lists what can be asked for: context in tokens, prices in USD per million tokens.\n"
    "\n"
    "  SEARCH                only models whose name has this text\n"
    "  --json                the answer of GET /api/v1/models as it is\n" COMMON_HELP;

static const char route_help[] =
    "usage: orproxy route -m MODEL [options] [TEXT]\n"
    "\n"
    "Says which providers a request would go to, in which order, at which cost at most, and\n"
    "why others are left out. Asks no provider.\n"
    "\n"
    "  -m MODEL[,MODEL...]   the model, then fallback models (at most 8 in all)\n"
    "  --prefs JSON          the request's `provider` object, e.g. '{\"sort\":\"price\"}'\n"
    "  --tools               the request has tools\n"
    "  --max-tokens N        its max_tokens\n"
    "  --json                the answer of POST /api/v1/route as it is\n"
    "  TEXT                  its prompt (default: a short one)\n" COMMON_HELP;

static const char check_help[] =
    "usage: orproxy check [options]\n"
    "\n"
    "Validates the settings; then, for each provider: resolves its name, connects, does the\n"
    "TLS handshake and asks for its models with each of its keys. No tokens are spent.\n"
    "Exit status: 1 when a provider failed.\n" COMMON_HELP;

static const char health_help[] =
    "usage: orproxy health [-c FILE] [--listen ADDR:PORT]\n"
    "\n"
    "Does the orproxy that serves on this machine answer? Asks each of its addresses for\n"
    "/healthz: for the health checks of containers and supervisors.\n"
    "Exit status: 0 when it does, 1 when it does not.\n"
    "\n"
    "  --listen ADDR:PORT    ask there; the settings are not read then\n"
    "  -c FILE, --set KEY=VALUE\n"
    "                        settings, as for serving: see orproxy --help\n";

static const char replay_help[] =
    "usage: orproxy replay LOG\n"
    "\n"
    "Makes each routing decision of the file LOG (setting `decisions`; - is standard input)\n"
    "again and prints those that come out differently.\n"
    "Exit status: 1 when one differs or a line cannot be read.\n";

static const char what_if_help[] =
    "usage: orproxy what-if -c OTHER.conf LOG\n"
    "\n"
    "What would the requests of the file LOG (setting `decisions`; - is standard input) have\n"
    "cost with other settings? Each is routed with what OTHER.conf offers, and the tokens that\n"
    "it took are priced there. Offline: prices come from OTHER.conf, its catalogue file and\n"
    "the lists kept in its state folder.\n" COMMON_HELP;

static const char keys_help[] =
    "usage: orproxy keys [list]\n"
    "       orproxy keys create NAME [options]\n"
    "       orproxy keys show KEY\n"
    "       orproxy keys update KEY [options]\n"
    "       orproxy keys delete KEY [--yes]\n"
    "\n"
    "Keys of clients. KEY is a key's hash, 8 or more of its first digits, or its name when no\n"
    "other key has it. A new key is printed on standard output, this once: kept is its hash.\n"
    "\n"
    "  --limit USD           the most it may spend, e.g. 5 or 0.25; --no-limit: without limit\n"
    "  --limit-reset R       when the limit begins anew: daily, weekly, monthly or none (UTC)\n"
    "  --byok, --no-byok     does what providers bill to you count, too? (default: it does)\n"
    "  --expires TIME        2026-12-31T23:59:59Z, 2026-12-31 (its first second, UTC), in\n"
    "                        30d (s m h d), or never\n"
    "  --models LIST         only these, * stands for any text; '' for all\n"
    "  --providers LIST      the same for providers\n"
    "  --rpm N, --tpm N      requests and tokens in a minute; 0: without limit\n"
    "  --max-concurrent N    requests at once; 0: without limit\n"
    "  --name NAME           update: its new name\n"
    "  --disable, --enable   update\n"
    "  --yes                 delete: do not ask\n"
    "  --json                the answer of the API as it is\n" COMMON_HELP "\n"
    "Keys that stand in the settings are changed there.\n";

static const char credits_help[] =
    "usage: orproxy credits [--json]\n"
    "       orproxy credits add USD [--note TEXT] [--json]\n"
    "\n"
    "What was paid in for everybody together, what is used of it, and what is left.\n"
    "\n"
    "  USD                   e.g. 10 or 0.5; -5 takes away\n"
    "  --note TEXT           kept with it in the ledger\n" COMMON_HELP;

static const char usage_help[] =
    "usage: orproxy usage [options]\n"
    "\n"
    "Requests, tokens and cost, in USD, of the last days.\n"
    "\n"
    "  --by WHAT             model (default), provider, key, app, session or day\n"
    "  --days N              how many days, today included (default: 30)\n"
    "  --bars                bars, also where standard output is no terminal\n"
    "  --csv                 for spreadsheets (RFC 4180)\n"
    "  --json                the answer of GET /api/v1/usage as it is\n" COMMON_HELP "\n"
    "~ is before a cost in which something was guessed; a cost that nobody knows is counted\n"
    "behind it, never as 0.\n";

static const char audit_help[] =
    "usage: orproxy audit [verify] [--state DIR] [--json]\n"
    "       orproxy audit accept [--json]\n"
    "\n"
    "verify  reads the ledger's files and checks that no line was changed, removed or put in:\n"
    "        each ends in the SHA-256 of the line before it and of itself. Only reads; also\n"
    "        while an orproxy runs. Exit status: 1 when the chain is broken.\n"
    "accept  goes on from what could be read of a broken one, with a record that says so.\n"
    "\n"
    "  --state DIR           the folder; without it, `state` of the settings\n"
    "  --json                verify: as JSON\n" COMMON_HELP;

const char *cli_help_of(const char *name)
{
    static const struct {
        const char *name, *help;
    } all[] = {
        {"chat", chat_help},       {"models", models_help},   {"route", route_help},
        {"check", check_help},     {"health", health_help},   {"replay", replay_help},
        {"what-if", what_if_help}, {"keys", keys_help},       {"credits", credits_help},
        {"usage", usage_help},     {"audit", audit_help},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(all[i].name, name) == 0) return all[i].help;
    return "";
}

const char *cli_summary(void)
{
    return "  chat [-m MODEL,...] [TEXT]     ask, from here\n"
           "  models [SEARCH]                what can be asked for, and prices\n"
           "  route -m MODEL [TEXT]          whom a request would go to, and why\n"
           "  check                          are the providers there?\n"
           "  health                         does what serves here answer?\n"
           "  replay LOG                     make recorded decisions again\n"
           "  what-if -c OTHER.conf LOG      what recorded requests would cost elsewhere\n"
           "  keys [list|create|show|...]    keys of clients, and their limits\n"
           "  credits [add USD]              what was paid in, and what is left\n"
           "  usage [--by WHAT]              requests, tokens and cost by model, key, day ...\n"
           "  audit [verify|accept]          is the ledger as it was written?\n";
}
