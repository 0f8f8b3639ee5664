/* Another user instead of root.

   The state is the one thing that root leaves to it: a folder of root's that holds nothing but
   files of orproxy, and root's files in it, which commands run by root may have made. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/log.h"
#include "proxy/sandbox_back.h"

#if defined(SANDBOX_SANITIZED)
#include <sys/prctl.h>
#endif

enum { NOBODY = 65534, MAX_GROUPS = 64 };

typedef struct account {
    uid_t uid;
    gid_t gid;
    char  name[64]; /* for people */
} account;

/* ---- whom ---- */

static bool read_id(or_str text, uint32_t *id)
{
    uint64_t n = 0;
    if (or_u64_read(text, &n) != OR_OK || n >= UINT32_MAX) return false; /* -1 is "leave it" */
    *id = (uint32_t)n;
    return true;
}

/* From the file alone: libc's own way loads what names are looked up with, a megabyte for one
   question. Users who are kept elsewhere have numbers. False: there is none. */
static bool find_entry(const char *name, const uint32_t *id, account *a)
{
    struct passwd *entry;
    bool           found = false;
    FILE          *f = fopen("/etc/passwd", "re");
    while (f != NULL && !found && (entry = fgetpwent(f)) != NULL) {
        found = id != NULL ? entry->pw_uid == *id : strcmp(entry->pw_name, name) == 0;
        if (!found) continue;
        a->uid = entry->pw_uid;
        a->gid = entry->pw_gid;
        snprintf(a->name, sizeof a->name, "%s", entry->pw_name);
    }
    if (f != NULL) fclose(f);
    return found;
}

/* NULL: an orproxy if there is one, else nobody. */
static bool find_account(const char *setting, account *a, char *error, size_t size)
{
    const char *name = setting != NULL ? setting : "orproxy";
    const char *colon = strchr(name, ':');
    size_t      len = colon != NULL ? (size_t)(colon - name) : strlen(name);
    uint32_t    id = NOBODY;
    bool        number = read_id(or_str_of(name, len), &id);
    char        text[64];
    snprintf(text, sizeof text, "%.*s", (int)len, name);
    a->uid = id;
    a->gid = id;
    snprintf(a->name, sizeof a->name, "%s", setting != NULL ? text : "nobody");
    if (!find_entry(text, number ? &id : NULL, a) && setting != NULL && !number) {
        snprintf(error, size,
                 "user = %s: /etc/passwd has no such user: make one (adduser --system --group "
                 "%s), or give numbers, e.g. user = 65534:65534",
                 setting, text);
        return false;
    }
    if (colon == NULL) return true;
    if (read_id(or_str_z(colon + 1), &id)) {
        a->gid = id;
        return true;
    }
    snprintf(error, size, "user = %s: behind the colon is the number of a group", setting);
    return false;
}

/* ---- the state ---- */

static bool is_ours(const char *name)
{
    static const char *const starts[] = {"ledger-", "models-", "decisions.jsonl", "lock",
                                         "control.sock"};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (strncmp(name, starts[i], strlen(starts[i])) == 0) return true;
    return false;
}

/* Hand on one of root's files. By descriptor, and without following links: who could already
   write in the folder gets nothing that is not in it alone. */
static bool give_file(int folder, const char *name, const account *a)
{
    struct stat st;
    int         fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    bool        good = fd >= 0 && fstat(fd, &st) == 0;
    if (good && S_ISREG(st.st_mode) && st.st_uid == 0 && st.st_nlink == 1)
        good = fchownat(fd, "", a->uid, a->gid, AT_EMPTY_PATH) == 0;
    if (fd >= 0) close(fd);
    return good || errno == ENOENT;
}

/* Each entry but those of every folder. False: errno, or 0 when one of them is no file of ours. */
static bool each_entry(DIR *d, int folder, const account *a)
{
    struct dirent *e;
    rewinddir(d);
    while ((errno = 0, e = readdir(d)) != NULL) {
        const char *name = e->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (a == NULL && !is_ours(name) && strcmp(name, "lost+found") != 0) {
            errno = 0;
            return false;
        }
        if (a != NULL && is_ours(name) && !give_file(folder, name, a)) return false;
    }
    return errno == 0;
}

static bool give_folder(DIR *d, int folder, const struct stat *st, const account *a)
{
    if (st->st_uid == 0) {
        if (!each_entry(d, folder, NULL)) return false;
        if (fchown(folder, a->uid, a->gid) != 0) return false;
    }
    return each_entry(d, folder, a);
}

/* Let the account have the state. False: error says why it cannot. */
static bool give_state(const char *path, const account *a, char *error, size_t size)
{
    struct stat st;
    DIR        *d = opendir(path);
    bool        good = d != NULL && fstat(dirfd(d), &st) == 0;
    errno = d == NULL ? errno : 0;
    if (good && st.st_uid != 0 && st.st_uid != a->uid) {
        snprintf(error, size, "state %s belongs to user %lu", path, (unsigned long)st.st_uid);
        good = false;
    } else if (good && !(good = give_folder(d, dirfd(d), &st, a))) {
        snprintf(error, size, "state %s cannot be given to it: %s", path,
                 errno != 0 ? strerror(errno) : "other files are in there, too");
    } else if (!good) {
        snprintf(error, size, "state %s: %s", path, strerror(errno));
    }
    if (d != NULL) closedir(d);
    return good;
}

/* ---- can it work for that user? ---- */

static bool can(const char *path, int mode, const char *what, char *error, size_t size)
{
    if (path == NULL || faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0 || errno == ENOENT)
        return true;
    snprintf(error, size, "%s %s: %s", what, path, strerror(errno));
    return false;
}

/* A file that is renamed when it has become large. */
static bool can_replace(const char *path, char *error, size_t size)
{
    char        folder[1024];
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    if (path == NULL) return true;
    snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
             slash != NULL ? path : ".");
    return can(folder, W_OK | X_OK, "decisions", error, size);
}

/* What is opened after the start, asked as that user. */
static bool can_all(const conf *c, char *error, size_t size)
{
    bool good = can(c->state, R_OK | W_OK | X_OK, "state", error, size) &&
                can_replace(c->decisions, error, size) &&
                can(c->catalog, R_OK, "catalog", error, size) &&
                can(c->ca, R_OK, "ca", error, size);
    for (unsigned i = 0; good && i < c->num_providers; i++)
        good = can(c->providers[i].ca, R_OK, "ca", error, size);
    return good;
}

static bool become(const account *a, char *error, size_t size)
{
    /* The effective ids alone: this can be taken back */
    if (setgroups(0, NULL) == 0 && setegid(a->gid) == 0 && seteuid(a->uid) == 0) return true;
    snprintf(error, size, "%s", strerror(errno));
    return false;
}

static void return_to_root(const gid_t *groups, int num_groups, gid_t gid)
{
    if (seteuid(0) != 0 || setresgid(gid, gid, gid) != 0 ||
        (num_groups >= 0 && setgroups((size_t)num_groups, groups) != 0))
        log_line("cannot take all of root's groups back: %s", strerror(errno));
}

/* The saved ids, too, which only root may set. */
static bool become_for_good(const account *a, char *error, size_t size)
{
    if (setgroups(0, NULL) == 0 && setresgid(a->gid, a->gid, a->gid) == 0 &&
        setresuid(a->uid, a->uid, a->uid) == 0 && setuid(0) != 0)
        return true;
    snprintf(error, size, "%s", strerror(errno));
    return false;
}

/* Nothing is given away before it is clear that the account gets to it. False: still root, and
   error says why. */
static bool drop(const conf *c, const account *a, char *error, size_t size)
{
    gid_t groups[MAX_GROUPS], gid = getegid();
    int   num_groups = getgroups(MAX_GROUPS, groups);
    bool  good = become(a, error, size) && can(c->state, F_OK, "state", error, size);
    return_to_root(groups, num_groups, gid);
    if (!good || (c->state != NULL && !give_state(c->state, a, error, size))) return false;
    good = become(a, error, size) && can_all(c, error, size);
    return_to_root(groups, num_groups, gid);
    if (good && become_for_good(a, error, size)) return true;
    if (geteuid() == 0) return_to_root(groups, num_groups, gid);
    return false;
}

static bool is_same(const account *a)
{
    return a->uid == geteuid() && (a->uid == 0 || a->gid == getegid());
}

bool sandbox_drop_root(const conf *c, char text[SANDBOX_TEXT], char *error, size_t error_size)
{
    account a;
    char    why[SANDBOX_TEXT];
    bool    wanted = c->sandbox == CONF_SANDBOX_REQUIRE || c->user != NULL;
    if (geteuid() == 0)
        snprintf(text, SANDBOX_TEXT, "root");
    else
        snprintf(text, SANDBOX_TEXT, "%lu", (unsigned long)geteuid());
    if (geteuid() != 0 && c->user == NULL) return true;
    if (c->sandbox == CONF_SANDBOX_NO && c->user == NULL) return true;
    if (!find_account(c->user, &a, error, error_size)) return false;
    if (is_same(&a)) return true;
    if (geteuid() != 0) {
        snprintf(text, SANDBOX_TEXT, "%lu (only root could become %.60s)",
                 (unsigned long)geteuid(), a.name);
        return true;
    }
    if (drop(c, &a, why, sizeof why)) {
#if defined(SANDBOX_SANITIZED)
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* the search for leaks at the end */
#endif
        snprintf(text, SANDBOX_TEXT, "%s", a.name);
        return true;
    }
    if (geteuid() != 0 || wanted) {
        snprintf(error, error_size,
                 "cannot go on as user %s: %.200s: let it reach that, or choose another user "
                 "(user = root stays root)",
                 a.name, why);
        return false;
    }
    snprintf(text, SANDBOX_TEXT, "root (user %.40s cannot work: %.180s)", a.name, why);
    return true;
}

bool sandbox_become_owner(const char *folder)
{
    struct stat st;
    if (geteuid() != 0 || stat(folder, &st) != 0 || st.st_uid == 0) return true;
    return setgroups(0, NULL) == 0 && setresgid(st.st_gid, st.st_gid, st.st_gid) == 0 &&
           setresuid(st.st_uid, st.st_uid, st.st_uid) == 0;
}
