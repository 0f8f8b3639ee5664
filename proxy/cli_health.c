/* orproxy health: does what serves here answer? */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ports/posix.h"
#include "proxy/cli_parts.h"
#include "proxy/conf.h"
#include "proxy/net.h"

enum { PATIENCE_MS = 5000 }; /* with one address */

/* Wait for the socket. False: the time is up. */
static bool wait_for(int fd, short events, uint32_t begun_ms)
{
    int32_t       left = PATIENCE_MS - or_ms_diff(begun_ms, or_posix_now_ms());
    struct pollfd p = {fd, events, 0};
    return left > 0 && (poll(&p, 1, left) > 0 || errno == EINTR);
}

/* False: error says why it is not connected. */
static bool finish_connect(int fd, uint32_t begun_ms, char *error, size_t size)
{
    int       e = ETIMEDOUT;
    socklen_t len = sizeof e;
    if (wait_for(fd, POLLOUT, begun_ms) && getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) != 0)
        e = errno;
    if (e != 0) snprintf(error, size, "%s", strerror(e));
    return e == 0;
}

/* What came, in words; true: it is an orproxy that serves. */
static bool read_answer(const cli_exchange *x, char *text, size_t size)
{
    cli_doc d;
    or_buf  out;
    or_buf_init(&out, text, size - 1);
    bool good = x->clean && x->status == 200 && cli_doc_begin(&d, or_buf_str(&x->body)) == OR_OK;
    if (good) {
        good = or_str_eq(cli_doc_text(&d, 0, "/status"), OR_STR("ok"));
        or_buf_put_z(&out, good ? "orproxy " : "an answer that is not orproxy's");
        if (good) or_buf_put_str(&out, cli_doc_text(&d, 0, "/version"));
        cli_doc_end(&d);
    } else {
        cli_exchange_error(x, &out);
    }
    text[out.len] = 0;
    return good;
}

/* False: text says what is wrong; else who answered. */
static bool ask(const char *address, char *text, size_t size)
{
    cli_exchange x;
    int          fd;
    uint32_t     begun = or_posix_now_ms();
    if (!net_connect(address, &fd, text, size)) return false;
    bool good = finish_connect(fd, begun, text, size);
    if (good) {
        cli_exchange_begin(&x, fd, OR_STR("GET"), OR_STR("/healthz"), OR_STR(""), NULL, NULL);
        while (!x.over && wait_for(fd, cli_exchange_wants(&x), begun)) cli_exchange_step(&x);
        if (!x.over) x.err = OR_ERR_TIMEOUT;
        good = read_answer(&x, text, size);
        cli_exchange_end(&x);
    }
    close(fd);
    return good;
}

int cli_health(void)
{
    const conf *c = conf_now();
    char        text[512], who[512] = "";
    for (unsigned i = 0; i < c->num_listen; i++) {
        if (!ask(c->listen[i], text, sizeof text)) {
            cli_say("not healthy: %s: %s", c->listen[i], text);
            return CLI_FAILED;
        }
        memcpy(who, text, sizeof who);
    }
    printf("healthy: %s at %s%s\n", who, c->listen[0], c->num_listen > 1 ? " and others" : "");
    return fflush(stdout) == 0 ? CLI_OK : CLI_FAILED;
}
