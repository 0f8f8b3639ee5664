/* The whole test framework: CHECK prints file, line and vector name, counts, goes on.
   TEST_MAIN_END prints the totals line that tests/run.sh adds up and sets the exit status. */
#ifndef TEST_H
#define TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "or.h"

static unsigned long test_passed, test_failed;

#define CHECK(condition, name)                                                                  \
    ((condition) ? (void)test_passed++                                                          \
                 : (void)(test_failed++, fprintf(stderr, "%s:%d: %s: not true: %s\n", __FILE__, \
                                                 __LINE__, (name), #condition)))

/* Two or_strs, printed when they differ. */
#define CHECK_STR(got, want, name) test_str((got), (want), (name), __FILE__, __LINE__)

static inline void test_str(or_str got, or_str want, const char *name, const char *file, int line)
{
    if (or_str_eq(got, want)) {
        test_passed++;
        return;
    }
    test_failed++;
    fprintf(stderr, "%s:%d: %s:\n  got  \"%.*s\"\n  want \"%.*s\"\n", file, line, name,
            (int)got.len, got.ptr ? got.ptr : "", (int)want.len, want.ptr ? want.ptr : "");
}

/* Two or_errs, by name. */
#define CHECK_ERR(got, want, name)                                                            \
    do {                                                                                      \
        or_err got_ = (got), want_ = (want);                                                  \
        if (got_ == want_) {                                                                  \
            test_passed++;                                                                    \
        } else {                                                                              \
            test_failed++;                                                                    \
            fprintf(stderr, "%s:%d: %s: got \"%s\", want \"%s\"\n", __FILE__, __LINE__, name, \
                    or_err_text(got_), or_err_text(want_));                                   \
        }                                                                                     \
    } while (0)

/* A copy of s in a block of exactly its size, so that a sanitizer sees a read past it.
   Free it with free((void *)r.ptr). */
static inline or_str test_exact(or_str s)
{
    char *p = (char *)malloc(s.len != 0 ? s.len : 1);
    if (p == NULL) abort();
    if (s.len != 0) memcpy(p, s.ptr, s.len);
    return or_str_of(p, s.len);
}

/* An allocator that fails at the n-th call (0: never) and knows what is outstanding. */
typedef struct test_heap {
    unsigned long calls, fail_at;
    size_t        outstanding;
} test_heap;

static inline void *test_heap_alloc(void *user, size_t size)
{
    test_heap *h = (test_heap *)user;
    if (++h->calls == h->fail_at) return NULL;
    h->outstanding += size;
    return malloc(size);
}

static inline void test_heap_free(void *user, void *ptr, size_t size)
{
    ((test_heap *)user)->outstanding -= size;
    free(ptr);
}

#define TEST_ALLOCATOR(heap) {test_heap_alloc, test_heap_free, (heap)}

#define TEST_MAIN_END(program)                                                 \
    do {                                                                       \
        printf("%s: %lu passed, %lu failed\n", program, test_passed, test_failed); \
        return test_failed != 0;                                               \
    } while (0)

#endif
