/* seccomp: which system calls are left.

   An allow-list. What is not on it does not exist (ENOSYS): libcs of all ages then take the older
   call that is on it. What only an intruder asks for - another program, another process, the
   kernel's own doors - ends the process. Neither files (Landlock's business) nor addresses are
   judged here.
   Source: Documentation/userspace-api/seccomp_filter.rst and uapi/linux/{seccomp,filter,audit}.h
   of Linux, whose headers not all libcs bring. */
#include "proxy/sandbox_back.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#if defined(__linux__)
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if defined(__x86_64__) && !defined(__ILP32__)
#define ARCH 0xc000003eu
#elif defined(__i386__)
#define ARCH 0x40000003u
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#define ARCH 0xc00000b7u
#elif defined(__arm__) && defined(__ARMEL__)
#define ARCH 0x40000028u
#elif defined(__mips__) && defined(_ABIO32) && _MIPS_SIM == _ABIO32 && defined(__MIPSEL__)
#define ARCH 0x40000008u
#elif defined(__mips__) && defined(_ABIO32) && _MIPS_SIM == _ABIO32
#define ARCH 0x00000008u
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH 0xc00000f3u
#endif

#if defined(__linux__) && defined(ARCH) && !defined(SANDBOX_SANITIZED)

#ifndef PR_SET_SECCOMP
#define PR_SET_SECCOMP 22
#endif

enum {
    MODE_FILTER = 2,

    /* Instructions of the kernel's filter machine */
    LOAD = 0x20,  /* A = 32 bits of the call's description at k */
    AND = 0x54,   /* A &= k */
    EQUAL = 0x15, /* A == k: skip jt instructions, else jf */
    ANSWER = 0x06,

    /* The call's description: number, architecture, and from 16 on its arguments of 64 bits,
       of which the lower half counts */
    AT_NUMBER = 0,
    AT_ARCH = 4,
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    AT_ARGUMENT = 20,
#else
    AT_ARGUMENT = 16,
#endif

    THREAD = 0x00010000, /* CLONE_THREAD */
    MAX_PROGRAM = 512
};

#define KILL       0x80000000u
#define ALLOW      0x7fff0000u
#define REFUSE(e)  (0x00050000u | (uint32_t)(e))

/* Nothing that was written is executed: modules of libc are mapped, not written. But libcs of MIPS
   may want stacks that can be executed. */
#if defined(__mips__)
#define EXECUTABLE ALLOW
#else
#define EXECUTABLE REFUSE(EPERM)
#endif

typedef struct instruction {
    uint16_t code;
    uint8_t  jt, jf;
    uint32_t k;
} instruction;

typedef struct program {
    uint16_t     len;
    instruction *code;
} program;

static const uint32_t allowed[] = {
    /* What serving is made of comes first: kernels before 5.11 go through the list each time */
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
    SYS_epoll_pwait, SYS_recvfrom, SYS_sendto, SYS_read, SYS_write, SYS_writev, SYS_readv,
    SYS_recvmsg, SYS_sendmsg, SYS_close, SYS_accept4, SYS_epoll_ctl,
#ifdef SYS_clock_gettime64
    SYS_clock_gettime64, SYS_futex_time64,
#endif
#ifdef SYS_clock_gettime
    SYS_clock_gettime,
#endif
#ifdef SYS_clock_gettime32
    SYS_clock_gettime32,
#endif
    SYS_futex, SYS_munmap, SYS_madvise, SYS_brk,
    /* sockets */
    SYS_accept, SYS_connect, SYS_bind, SYS_listen, SYS_shutdown, SYS_socketpair, SYS_getsockname,
    SYS_getpeername, SYS_getsockopt, SYS_setsockopt, SYS_recvmmsg, SYS_sendmmsg,
#ifdef SYS_socketcall /* all of the above, and socket itself: i386 and MIPS */
    SYS_socketcall,
#endif
#ifdef SYS_send
    SYS_send, SYS_recv,
#endif
#ifdef SYS_recvmmsg_time64
    SYS_recvmmsg_time64,
#endif
    /* descriptors */
    SYS_epoll_create1, SYS_eventfd2, SYS_pipe2, SYS_dup, SYS_dup3, SYS_fcntl, SYS_ppoll, SYS_flock,
    SYS_fsync, SYS_fdatasync, SYS_ftruncate, SYS_lseek, SYS_pread64, SYS_pwrite64, SYS_fallocate,
#ifdef SYS_fcntl64
    SYS_fcntl64, SYS_ftruncate64, SYS__llseek,
#endif
#ifdef SYS_ppoll_time64
    SYS_ppoll_time64,
#endif
    /* files */
    SYS_openat, SYS_faccessat, SYS_readlinkat, SYS_getdents64, SYS_mkdirat, SYS_unlinkat,
    SYS_fchmod, SYS_fchmodat, SYS_umask, SYS_getcwd, SYS_statx,
#ifdef SYS_renameat
    SYS_renameat,
#endif
#ifdef SYS_renameat2
    SYS_renameat2,
#endif
#ifdef SYS_faccessat2
    SYS_faccessat2,
#endif
#ifdef SYS_newfstatat
    SYS_newfstatat,
#endif
#ifdef SYS_fstat
    SYS_fstat,
#endif
#ifdef SYS_fstatat64
    SYS_fstatat64,
#endif
#ifdef SYS_fstat64
    SYS_stat64, SYS_fstat64, SYS_lstat64,
#endif
#ifdef SYS_statfs
    SYS_statfs, SYS_fstatfs,
#endif
#ifdef SYS_statfs64
    SYS_statfs64, SYS_fstatfs64,
#endif
#ifdef SYS_open /* what newer architectures never had */
    SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_rename, SYS_unlink, SYS_mkdir,
    SYS_chmod, SYS_getdents, SYS_pipe, SYS_dup2, SYS_poll, SYS_epoll_create,
#endif
    /* threads, time, this process */
    SYS_set_robust_list, SYS_set_tid_address, SYS_exit, SYS_exit_group, SYS_sched_yield,
    SYS_sched_getaffinity, SYS_gettid, SYS_getpid, SYS_getppid, SYS_getuid, SYS_geteuid,
    SYS_getgid, SYS_getegid, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
    SYS_restart_syscall, SYS_nanosleep, SYS_getrandom, SYS_uname, SYS_sysinfo,
    SYS_getrusage, SYS_mremap, SYS_membarrier,
#ifdef SYS_rseq
    SYS_rseq,
#endif
#ifdef SYS_getuid32
    SYS_getuid32, SYS_geteuid32, SYS_getgid32, SYS_getegid32,
#endif
#ifdef SYS_getrlimit
    SYS_getrlimit,
#endif
#ifdef SYS_ugetrlimit
    SYS_ugetrlimit,
#endif
#ifdef SYS_sigreturn
    SYS_sigreturn,
#endif
#ifdef SYS_time
    SYS_time,
#endif
#ifdef SYS_gettimeofday
    SYS_gettimeofday,
#endif
#ifdef SYS_gettimeofday_time32
    SYS_gettimeofday_time32,
#endif
#ifdef SYS_clock_getres
    SYS_clock_getres,
#endif
#ifdef SYS_clock_nanosleep
    SYS_clock_nanosleep,
#endif
#ifdef SYS_clock_nanosleep_time64
    SYS_clock_nanosleep_time64, SYS_clock_getres_time64,
#endif
#ifdef SYS_arch_prctl
    SYS_arch_prctl,
#endif
#ifdef SYS_set_thread_area
    SYS_set_thread_area,
#endif
#if defined(__arm__)
    0x0f0002, 0x0f0005, /* cacheflush, set_tls: of ARM alone */
#endif
#ifdef SYS_cacheflush
    SYS_cacheflush,
#endif
#ifdef SYS_riscv_flush_icache
    SYS_riscv_flush_icache,
#endif
};

/* Nobody asks for these by accident. */
static const uint32_t deadly[] = {
    SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_mount,
    SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_setns, SYS_unshare, SYS_init_module,
    SYS_finit_module, SYS_delete_module, SYS_bpf, SYS_perf_event_open, SYS_add_key, SYS_keyctl,
    SYS_request_key, SYS_open_by_handle_at, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_setuid,
    SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setgroups,
#ifdef SYS_kexec_load
    SYS_kexec_load,
#endif
#ifdef SYS_userfaultfd
    SYS_userfaultfd,
#endif
#ifdef SYS_io_uring_setup
    SYS_io_uring_setup,
#endif
#ifdef SYS_fork
    SYS_fork,
#endif
#ifdef SYS_vfork
    SYS_vfork,
#endif
};

static void put(program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
    p->code[p->len++] = (instruction){code, jt, jf, k};
}

static void put_answer(program *p, uint32_t answer)
{
    put(p, ANSWER, answer, 0, 0);
}

static void put_calls(program *p, const uint32_t *calls, size_t num, uint32_t answer)
{
    for (size_t i = 0; i < num; i++) {
        put(p, EQUAL, calls[i], 0, 1);
        put_answer(p, answer);
    }
}

/* Of the call: is its nth argument, of which the bits of mask count, one of these? */
static void put_if(program *p, uint32_t call, uint32_t nth, uint32_t mask, const uint32_t *values,
                   uint8_t num, uint32_t yes, uint32_t no)
{
    put(p, EQUAL, call, 0, (uint8_t)(4 + num));
    put(p, LOAD, AT_ARGUMENT + 8 * nth, 0, 0);
    put(p, AND, mask, 0, 0);
    for (uint8_t i = 0; i < num; i++) put(p, EQUAL, values[i], (uint8_t)(num - i), 0);
    put_answer(p, no);
    put_answer(p, yes);
}

/* Calls that are fine in one form and not in another. */
static void put_special(program *p)
{
    static const uint32_t families[] = {AF_UNIX, AF_INET, AF_INET6, 16 /* AF_NETLINK: libcs ask
                                        it for our addresses */};
    static const uint32_t requests[] = {TCGETS, FIONBIO, FIONREAD, 0x8933 /* SIOCGIFINDEX: zones of
                                        addresses */};
    static const uint32_t thread[] = {THREAD}, writable[] = {PROT_WRITE | PROT_EXEC};
    static const uint32_t executable[] = {PROT_EXEC};
    const uint32_t        us[] = {(uint32_t)getpid(), 0};
    const uint32_t        no = REFUSE(EPERM), all = 0xffffffffu;
    put_if(p, SYS_socket, 0, all, families, 4, ALLOW, REFUSE(EAFNOSUPPORT));
    put_if(p, SYS_ioctl, 1, all, requests, 4, ALLOW, REFUSE(ENOTTY));
    /* Threads. What clone3 wants stands in memory, where no filter looks: it does not exist */
    put_if(p, SYS_clone, 0, THREAD, thread, 1, ALLOW, no);
    put_if(p, SYS_tgkill, 0, all, us, 1, ALLOW, no);
    put_if(p, SYS_tkill, 0, all, us, 1, ALLOW, no);
    put_if(p, SYS_prlimit64, 0, all, us, 2, ALLOW, no);
    put_if(p, SYS_mprotect, 2, PROT_EXEC, executable, 1, EXECUTABLE, ALLOW);
#ifdef SYS_mmap
    put_if(p, SYS_mmap, 2, PROT_WRITE | PROT_EXEC, writable, 1, EXECUTABLE, ALLOW);
#endif
#ifdef SYS_mmap2
    put_if(p, SYS_mmap2, 2, PROT_WRITE | PROT_EXEC, writable, 1, EXECUTABLE, ALLOW);
#endif
}

bool sandbox_limit_calls(char text[SANDBOX_TEXT])
{
    instruction code[MAX_PROGRAM];
    program     p = {0, code};
    put(&p, LOAD, AT_ARCH, 0, 0);
    put(&p, EQUAL, ARCH, 1, 0);
    put_answer(&p, KILL); /* the same number means something else there */
    put(&p, LOAD, AT_NUMBER, 0, 0);
    put_calls(&p, allowed, sizeof allowed / sizeof allowed[0], ALLOW);
    put_special(&p);
    put_calls(&p, deadly, sizeof deadly / sizeof deadly[0], KILL);
    put_answer(&p, REFUSE(ENOSYS));
    if (prctl(PR_SET_SECCOMP, MODE_FILTER, &p, 0, 0) == 0) {
        snprintf(text, SANDBOX_TEXT, "seccomp");
        return true;
    }
    snprintf(text, SANDBOX_TEXT, "no seccomp (%s)",
             errno == EINVAL ? "this kernel has none" : strerror(errno));
    return false;
}

#else

bool sandbox_limit_calls(char text[SANDBOX_TEXT])
{
#if defined(SANDBOX_SANITIZED)
    snprintf(text, SANDBOX_TEXT, "no seccomp (built with sanitizers)");
#else
    snprintf(text, SANDBOX_TEXT, "no seccomp (not for this processor or system)");
#endif
    return false;
}

#endif
