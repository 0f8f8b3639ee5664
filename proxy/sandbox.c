#include "proxy/sandbox_back.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/prctl.h>
#ifndef PR_SET_NO_NEW_PRIVS
#define PR_SET_NO_NEW_PRIVS 38
#endif
#endif

static char line[5 * SANDBOX_TEXT];
static bool holds;

const char *sandbox_text(void)
{
    return line;
}

bool sandbox_holds(void)
{
    return holds;
}

/* False: text says why not. The other two need it. */
static bool give_up_privileges(char text[SANDBOX_TEXT])
{
#if defined(__linux__)
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) return true;
    snprintf(text, SANDBOX_TEXT, "no no_new_privs (%s)", strerror(errno));
#else
    snprintf(text, SANDBOX_TEXT, "no no_new_privs (not Linux)");
#endif
    return false;
}

static bool lacks(const char *what, char *error, size_t size)
{
    snprintf(error, size,
             "sandbox = require, but there is %s: say sandbox = yes to do without what this "
             "system lacks",
             what);
    return false;
}

bool sandbox_enter(const conf *c, char *error, size_t error_size)
{
    char  user[SANDBOX_TEXT], privileges[SANDBOX_TEXT] = "no_new_privs";
    char  files[SANDBOX_TEXT] = "no Landlock", calls[SANDBOX_TEXT] = "no seccomp";
    bool  must = c->sandbox == CONF_SANDBOX_REQUIRE;
    uid_t before = geteuid();
    if (!sandbox_drop_root(c, user, error, error_size)) return false;
    if (must && geteuid() == 0) return lacks("user root", error, error_size);
    holds = geteuid() != before || c->sandbox != CONF_SANDBOX_NO;
    if (c->sandbox == CONF_SANDBOX_NO) {
        snprintf(line, sizeof line, "no, user %s", user);
        return true;
    }
    bool privileged = !give_up_privileges(privileges);
    bool limited = !privileged && sandbox_limit_files(c, files);
    bool filtered = !privileged && sandbox_limit_calls(calls);
    snprintf(line, sizeof line, "user %s, %s, %s, %s", user, privileges, calls, files);
    if (must && privileged) return lacks(privileges, error, error_size);
    if (must && !filtered) return lacks(calls, error, error_size);
    return !must || limited || lacks(files, error, error_size);
}
