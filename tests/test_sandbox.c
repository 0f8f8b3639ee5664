/* What is left once sandbox has entered: each try is a process of its own that gives up what
   serving gives up, and ends with the errno it got. Built without sanitizers, whose calls no
   filter allows. */
#include "or.h"
#include "proxy/sandbox_calls.c"
#include "proxy/sandbox_files.c"
#include "tests/test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

enum { DIED = 200, NOT_HERE = 201 };

static char root[] = "/tmp/orproxy-sandbox-XXXXXX";

static int result(long got)
{
    return got < 0 ? errno : 0;
}

/* The errno of a try under a restriction, DIED when that ended it. */
static int under(bool (*restrict_it)(void), int (*attempt)(void))
{
    int   status = 0;
    pid_t child = fork();
    if (child == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !restrict_it()) _exit(NOT_HERE);
        _exit(attempt());
    }
    if (child < 0 || waitpid(child, &status, 0) != child) return -1;
    if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGSYS ? DIED : -1;
    return WEXITSTATUS(status);
}

/* ---- calls ---- */

static bool filter(void)
{
    char text[SANDBOX_TEXT];
    return sandbox_limit_calls(text);
}

static int try_nothing(void) { return 0; }
static int try_exec(void) { return result(execl("/bin/true", "true", (char *)NULL)); }
static int try_fork(void) { return result(fork()); }
static int try_clone3(void) { return result(syscall(435, NULL, 0)); }
static int try_clone(void) { return result(syscall(SYS_clone, (long)SIGCHLD, 0, 0, 0, 0)); }
static int try_unknown(void) { return result(syscall(1999)); }
static int try_ptrace(void) { return result(syscall(SYS_ptrace, 0, 0, 0, 0)); }
static int try_mount(void) { return result(syscall(SYS_mount, "a", "/", "b", 0, 0)); }
static int try_root(void) { return result(syscall(SYS_setuid, 0)); }
static int try_packet(void) { return result(socket(17, SOCK_RAW, 0)); }
static int try_tcp(void) { return result(socket(AF_INET, SOCK_STREAM, 0)); }
static int try_tcp6(void) { return result(socket(AF_INET6, SOCK_STREAM, 0)); }
static int try_unix(void) { return result(socket(AF_UNIX, SOCK_STREAM, 0)); }
static int try_netlink(void) { return result(socket(16, SOCK_RAW, 0)); }
static int try_control(int request)
{
    int n = 1, fds[2];
    return socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0 ? EIO : result(ioctl(fds[0], request, &n));
}
static int try_unlisted(void) { return try_control(FIOASYNC); }
static int try_listed(void) { return try_control(FIONREAD); }
static int try_kill(void) { return result(syscall(SYS_tgkill, getppid(), getppid(), 0)); }
static int try_limit(void) { return result(syscall(SYS_prlimit64, getppid(), 0, NULL, NULL)); }
static int try_own_limit(void) { return result(syscall(SYS_prlimit64, 0, 0, NULL, NULL)); }

static int try_write_and_execute(void)
{
    int   all = PROT_READ | PROT_WRITE | PROT_EXEC;
    void *p = mmap(NULL, 4096, all, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}

static int try_make_executable(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? EIO : result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

/* As libc maps its modules. */
static int try_module(void)
{
    int   fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    return p == MAP_FAILED ? errno : result(mprotect(p, 4096, PROT_READ));
}

static void *answer(void *user)
{
    *(int *)user = 0;
    return NULL;
}

static int try_thread(void)
{
    pthread_t thread;
    int       got = EIO, e = pthread_create(&thread, NULL, answer, &got);
    return e != 0 ? e : (pthread_join(thread, NULL), got);
}

static int try_abort(void)
{
    signal(SIGABRT, SIG_IGN);
    return result(raise(SIGABRT));
}

static const struct {
    const char *name;
    int (*attempt)(void);
    int want;
} calls[] = {
    {"nothing", try_nothing, 0},
    {"another program", try_exec, DIED},
    {"a process: libc's fork", try_fork, EPERM},
    {"a process: clone", try_clone, EPERM},
    {"clone3 is not there", try_clone3, ENOSYS},
    {"a call nobody knows", try_unknown, ENOSYS},
    {"ptrace", try_ptrace, DIED},
    {"mount", try_mount, DIED},
    {"setuid", try_root, DIED},
    {"raw packets", try_packet, EAFNOSUPPORT},
    {"TCP", try_tcp, 0},
    {"local sockets", try_unix, 0},
    {"netlink, as libc", try_netlink, 0},
    {"a request to a device", try_unlisted, ENOTTY},
    {"what waits to be read", try_listed, 0},
    {"a signal to others", try_kill, EPERM},
    {"a signal to itself", try_abort, 0},
    {"others' limits", try_limit, EPERM},
    {"own limits", try_own_limit, 0},
#if !defined(__mips__)
    {"memory to write and execute", try_write_and_execute, EPERM},
    {"written, then executable", try_make_executable, EPERM},
#endif
    {"a module of libc", try_module, 0},
    {"a thread", try_thread, 0},
};

/* ---- files ---- */

static char other[64], settings[64], state[64], inside[80], link_to[80];

static bool fence(void)
{
    static conf       c;
    static const char *files[2];
    char              text[SANDBOX_TEXT];
    files[0] = settings;
    files[1] = link_to;
    c.files = files;
    c.num_files = 2;
    c.state = state;
    return sandbox_limit_files(&c, text);
}

static const char *at(const char *folder, const char *name)
{
    static char path[2][128];
    static int  n;
    n = 1 - n;
    snprintf(path[n], sizeof path[n], "%s/%s", folder, name);
    return path[n];
}

static int reads(const char *path) { return result(open(path, O_RDONLY)); }
static int makes(const char *path) { return result(creat(path, 0600)); }

static int try_read_settings(void) { return reads(settings); }
static int try_read_new(void) { return reads(at(root, "conf/new")); }
static int try_read_linked(void) { return reads(link_to); }
static int try_read_at_link(void) { return reads(at(root, "links/new")); }
static int try_read_other(void) { return reads(other); }
static int try_read_etc(void) { return reads("/etc/passwd"); }
static int try_list_other(void) { return reads(at(root, "other")); }
static int try_write_settings(void) { return makes(settings); }
static int try_write_other(void) { return makes(at(root, "other/made")); }
static int try_remove(void) { return result(unlink(settings)); }
static int try_link(void) { return result(symlink("x", at(state, "link"))); }
static int try_mkdir(void) { return result(mkdir(at(state, "folder"), 0700)); }
static int try_state(void)
{
    int e = makes(at(state, "new"));
    if (e == 0) e = result(rename(at(state, "new"), at(state, "old")));
    if (e == 0) e = result(truncate(at(state, "old"), 0));
    return e != 0 ? e : result(unlink(at(state, "old")));
}
static int try_exec_file(void)
{
    (void)execl("/bin/true", "true", (char *)NULL);
    return errno;
}

static const struct {
    const char *name;
    int (*attempt)(void);
    int want;
} files[] = {
    {"the settings", try_read_settings, 0},
    {"what took their place", try_read_new, 0},
    {"where a secret's link leads", try_read_linked, 0},
    {"what takes the place of that link", try_read_at_link, 0},
    {"a file elsewhere", try_read_other, EACCES},
    {"a folder elsewhere", try_list_other, EACCES},
    {"what libc reads", try_read_etc, 0},
    {"writing settings", try_write_settings, EACCES},
    {"writing elsewhere", try_write_other, EACCES},
    {"removing settings", try_remove, EACCES},
    {"the state", try_state, 0},
    {"a link in the state", try_link, EACCES},
    {"a folder in the state", try_mkdir, EACCES},
    {"a program", try_exec_file, EACCES},
};

static void put_file(const char *path)
{
    FILE *f = fopen(path, "w");
    CHECK(f != NULL && fputs("text\n", f) > 0 && fclose(f) == 0, path);
}

static void make_tree(void)
{
    CHECK(mkdtemp(root) != NULL, "a folder");
    snprintf(settings, sizeof settings, "%s/conf/orproxy.conf", root);
    snprintf(other, sizeof other, "%s/other/file", root);
    snprintf(state, sizeof state, "%s/state", root);
    snprintf(inside, sizeof inside, "%s/secrets/key", root);
    snprintf(link_to, sizeof link_to, "%s/links/key", root);
    static const char *const folders[] = {"conf", "other", "state", "secrets", "links"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        CHECK(mkdir(at(root, folders[i]), 0700) == 0, folders[i]);
    put_file(settings);
    put_file(at(root, "conf/new"));
    put_file(at(root, "links/new"));
    put_file(other);
    put_file(inside);
    CHECK(symlink(inside, link_to) == 0, "a link");
}

static void remove_tree(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", root);
    CHECK(system(command) == 0, "tidy");
}

int main(void)
{
    unsigned skipped = 0;
    bool     filters = under(filter, try_nothing) != NOT_HERE;
    bool     fences;
    make_tree();
    fences = under(fence, try_nothing) != NOT_HERE;
    for (size_t i = 0; filters && i < sizeof calls / sizeof calls[0]; i++)
        CHECK(under(filter, calls[i].attempt) == calls[i].want, calls[i].name);
    /* EAFNOSUPPORT is also what a machine without IPv6 says */
    if (filters && try_tcp6() == 0) CHECK(under(filter, try_tcp6) == 0, "TCP over IPv6");
    for (size_t i = 0; fences && i < sizeof files / sizeof files[0]; i++)
        CHECK(under(fence, files[i].attempt) == files[i].want, files[i].name);
    remove_tree();
    if (!filters) skipped++, printf("skipped: no seccomp here\n");
    if (!fences) skipped++, printf("skipped: no Landlock here\n");
    printf("test_sandbox: %lu passed, %lu failed, %u skipped\n", test_passed, test_failed, skipped);
    return test_failed != 0;
}
