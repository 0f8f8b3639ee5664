/* To the gateway that has the state: who runs on the folder is asked, so that there is one owner
   of it at any time. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy/cli_parts.h"
#include "proxy/conf.h"

/* The socket in the folder; -1 with errno, which is ENAMETOOLONG where a socket's address has no
   room for its name. */
static int dial(const char *state)
{
    struct sockaddr_un name;
    memset(&name, 0, sizeof name);
    name.sun_family = AF_UNIX;
    int n = snprintf(name.sun_path, sizeof name.sun_path, "%s/control.sock", state);
    if (n < 0 || (size_t)n >= sizeof name.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&name, sizeof name) == 0) return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

bool cli_dial(const char *state, int *fds, unsigned num)
{
    for (unsigned i = 0; i < num; i++) {
        fds[i] = dial(state);
        if (fds[i] >= 0) continue;
        while (i-- > 0) close(fds[i]);
        return false;
    }
    return true;
}

int cli_connect(const cli_gateway *g, int *fd)
{
    const char *state = conf_now()->state;
    if (state == NULL) {
        cli_say("keys need state = FOLDER in the settings, and so do credits, usage and audit: "
                "nothing is kept without");
        return CLI_USAGE;
    }
    *fd = dial(state);
    if (*fd >= 0) return 0;
    /* a socket that nobody accepts at was left by an orproxy that was killed */
    if (errno == ENOENT || errno == ECONNREFUSED) return g->start(g->user, fd, 1);
    if (errno == ENAMETOOLONG) {
        cli_say("%s/control.sock is longer than the name of a socket may be (%zu bytes): choose "
                "a shorter state, or a symbolic link to it",
                state, sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
        return CLI_USAGE;
    }
    cli_say("cannot connect to %s/control.sock: %s", state, strerror(errno));
    return CLI_FAILED;
}

bool cli_state_is_held(const char *state)
{
    char path[4096];
    int  fd = dial(state);
    if (fd >= 0) {
        close(fd);
        return true;
    }
    int n = snprintf(path, sizeof path, "%s/lock", state);
    if (n < 0 || (size_t)n >= sizeof path) return false;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    /* Gone at once: an orproxy that starts in this very moment would take us for another one */
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return held;
}

int cli_link_ask(cli_link *l, cli_exchange *x, or_str method, or_str target, or_str body)
{
    memset(x, 0, sizeof *x);
    if (l->fd < 0) {
        int status = cli_connect(l->g, &l->fd);
        if (status != 0) return status;
    }
    cli_exchange_begin(x, l->fd, method, target, body, NULL, NULL);
    cli_exchange_run(x);
    if (!x->keep) cli_link_end(l);
    return x->clean && x->status / 100 == 2 ? 0 : cli_print_failure(x);
}

void cli_link_end(cli_link *l)
{
    if (l->fd >= 0) close(l->fd);
    l->fd = -1;
}
