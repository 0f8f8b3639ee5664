/* Landlock: what may be read, and what written.

   A rule is about an inode and all below it. Files are replaced by a rename - by editors, by
   who renews certificates, by ourselves - so rules name the folders they are in.
   Source: Documentation/userspace-api/landlock.rst of Linux; the numbers are its ABI. */
#include "proxy/sandbox_back.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/roots.h"

#if defined(__linux__)
#include <sys/syscall.h>
#include <sys/utsname.h>

/* Not all libcs bring the kernel's headers. */
#if !defined(SYS_landlock_create_ruleset) && !defined(__mips__) && !defined(__alpha__)
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif
#endif

#if defined(SYS_landlock_create_ruleset)

enum {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIR = 1 << 3,
    REMOVE_FILE = 1 << 5,
    MAKE_REG = 1 << 8,
    MAKE_SOCK = 1 << 9,
    REFER = 1 << 13,
    TRUNCATE = 1 << 14,
    /* together */
    OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE,
    READ = READ_FILE | READ_DIR,
    WRITE = READ | WRITE_FILE | REMOVE_FILE | MAKE_REG | MAKE_SOCK | REFER | TRUNCATE,

    ABI_SCOPES = 6, /* no signals to others, no abstract sockets of others */
    FLAG_VERSION = 1,
    RULE_PATH = 1
};

/* What each version adds; all that is handled and not allowed is denied. */
static const uint64_t handled[] = {0, 0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff};

typedef struct ruleset_attr {
    uint64_t files, network, scopes;
} ruleset_attr;

typedef struct path_attr {
    uint64_t allowed;
    int32_t  fd;
} __attribute__((packed)) path_attr;

typedef struct rules {
    int      fd;
    uint64_t handled;
} rules;

/* What is not there cannot be named; what comes later needs a restart. */
static void allow(const rules *r, const char *path, uint64_t rights)
{
    struct stat st;
    path_attr   rule = {rights & r->handled, open(path, O_PATH | O_CLOEXEC)};
    if (rule.fd < 0) return;
    if (fstat(rule.fd, &st) == 0) {
        if (!S_ISDIR(st.st_mode)) rule.allowed &= OF_FILES;
        (void)syscall(SYS_landlock_add_rule, r->fd, RULE_PATH, &rule, 0);
    }
    close(rule.fd);
}

static void allow_folder_of(const rules *r, const char *path, uint64_t rights)
{
    char        folder[1024];
    const char *slash = strrchr(path, '/');
    size_t      len = slash != NULL ? (size_t)(slash - path) : 0;
    if (len >= sizeof folder) return;
    memcpy(folder, path, len);
    folder[len] = 0;
    if (len == 0) strcpy(folder, slash != NULL ? "/" : ".");
    allow(r, folder, rights);
}

/* The folder of a file and, where the file is a link, of what it leads to. */
static void allow_around(const rules *r, const char *path, uint64_t rights)
{
    if (path == NULL) return;
    char *real = realpath(path, NULL);
    allow_folder_of(r, path, rights);
    if (real != NULL) allow_folder_of(r, real, rights);
    free(real);
}

/* Names are looked up by libc, which loads modules for that; trust anchors are somewhere here. */
static void allow_system(const rules *r)
{
    static const char *const all[] = {
        "/etc", "/lib", "/lib32", "/lib64", "/usr", "/nix/store", "/gnu/store",
        "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager",
        "/var/lib/ca-certificates", "/dev/null", "/dev/urandom",
#if defined(SANDBOX_SANITIZED)
        "/proc",
#endif
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) allow(r, all[i], READ);
    allow(r, "/dev/null", WRITE_FILE);
    allow_around(r, "/etc/resolv.conf", READ); /* of OpenWrt a link into /tmp */
    allow_around(r, "/etc/hosts", READ);
    allow_around(r, getenv("SSL_CERT_FILE"), READ);
}

static void allow_roots(const rules *r, const char *ca)
{
    if (ca != NULL && strcmp(ca, ROOTS_BUILTIN) != 0) allow_around(r, ca, READ);
}

static void allow_settings(const rules *r, const conf *c)
{
    for (unsigned i = 0; i < c->num_files; i++) allow_around(r, c->files[i], READ);
    allow_roots(r, c->ca);
    for (unsigned i = 0; i < c->num_providers; i++) allow_roots(r, c->providers[i].ca);
    allow_around(r, c->catalog, READ);
    if (c->state != NULL) allow(r, c->state, WRITE);
    allow_around(r, c->decisions, WRITE);
}

static void say_why(char text[SANDBOX_TEXT], int error)
{
    struct utsname kernel;
    if (error == EOPNOTSUPP)
        snprintf(text, SANDBOX_TEXT, "no Landlock (switched off in this kernel: lsm=)");
    else if (error == ENOSYS && uname(&kernel) == 0)
        snprintf(text, SANDBOX_TEXT, "no Landlock (kernel %.40s has none)", kernel.release);
    else
        snprintf(text, SANDBOX_TEXT, "no Landlock (%s)", strerror(error));
}

bool sandbox_limit_files(const conf *c, char text[SANDBOX_TEXT])
{
    long         version = syscall(SYS_landlock_create_ruleset, NULL, 0, FLAG_VERSION);
    long         newest = (long)(sizeof handled / sizeof handled[0]) - 1;
    ruleset_attr attr = {0};
    rules        r = {-1, 0};
    if (version <= 0) {
        say_why(text, version == 0 ? ENOSYS : errno);
        return false;
    }
    r.handled = attr.files = handled[version < newest ? version : newest];
    if (version >= ABI_SCOPES) attr.scopes = 3;
    r.fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (r.fd >= 0) {
        allow_system(&r);
        allow_settings(&r, c);
    }
    bool good = r.fd >= 0 && syscall(SYS_landlock_restrict_self, r.fd, 0) == 0;
    if (good)
        snprintf(text, SANDBOX_TEXT, "Landlock ABI %ld", version);
    else
        say_why(text, errno);
    if (r.fd >= 0) close(r.fd);
    return good;
}

#else

bool sandbox_limit_files(const conf *c, char text[SANDBOX_TEXT])
{
    (void)c;
    snprintf(text, SANDBOX_TEXT, "no Landlock (none on this system)");
    return false;
}

#endif
