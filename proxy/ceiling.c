#include "proxy/ceiling.h"

#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "proxy/dns.h"
#include "proxy/ev.h"
#include "proxy/ledger.h"
#include "proxy/log.h"

enum {
    PAGE = 4096,
    /* Of what mem counts; a flood of bodies of all sizes left 1/7 (glibc 2.36) and none (musl) */
    GAPS = 4,
    /* Settings that streams from before a reload still use, and room in their blocks */
    SETTINGS = 4,
    MAIN_STACK = 256 << 10,
    LIBC = 1 << 20 /* its buffers, and the modules that look up names */
};

typedef struct image {
    uint64_t fixed, writable; /* bytes of the program and its libraries */
} image;

static int add_object(struct dl_phdr_info *object, size_t size, void *user)
{
    image *sum = user;
    (void)size;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        uint64_t begin = object->dlpi_phdr[i].p_vaddr, end = begin + object->dlpi_phdr[i].p_memsz;
        if (object->dlpi_phdr[i].p_type != PT_LOAD) continue;
        end = (end + PAGE - 1) / PAGE * PAGE - begin / PAGE * PAGE;
        *((object->dlpi_phdr[i].p_flags & PF_W) != 0 ? &sum->writable : &sum->fixed) += end;
    }
    return 0;
}

/* The hard limit stays: a later one may be higher. */
static bool set_limit(uint64_t data)
{
#if defined(__SANITIZE_ADDRESS__)
    (void)data; /* its shadow alone is larger */
    return true;
#else
    struct rlimit limit;
    if (getrlimit(RLIMIT_DATA, &limit) != 0) return false;
    limit.rlim_cur = data < limit.rlim_max ? (rlim_t)data : limit.rlim_max; /* ~0 is no limit */
    return setrlimit(RLIMIT_DATA, &limit) == 0;
#endif
}

void ceiling_lift(void)
{
    (void)set_limit(UINT64_MAX);
}

void ceiling_hold(const conf *c, uint32_t timers)
{
    image    program = {0, 0};
    uint64_t traffic = c->limits.memory + c->limits.memory / GAPS;
    uint64_t stacks = (uint64_t)(DNS_THREADS + LEDGER_THREADS) * EV_STACK;
    uint64_t settings = (uint64_t)SETTINGS * conf_size(c) + timers * sizeof(ev_timer *);
    (void)dl_iterate_phdr(add_object, &program);
#if defined(__GLIBC__)
    (void)mallopt(M_ARENA_MAX, 1); /* else each thread gets a heap of its own */
#endif
    uint64_t data = traffic + program.writable + settings + stacks + LIBC;
    uint64_t all = data + program.fixed + MAIN_STACK;
    bool     held = set_limit(data);
    log_line("memory: at most %llu bytes: %zu of limits.memory, a quarter of it for gaps between "
             "them, %llu of the program, %llu for settings, threads and libc; socket buffers are "
             "the kernel's%s%s",
             (unsigned long long)all, c->limits.memory,
             (unsigned long long)program.fixed + program.writable,
             (unsigned long long)settings + stacks + LIBC + MAIN_STACK,
             held ? "" : "; not held: ", held ? "" : strerror(errno));
}
