/* The limit of memory, and the part of it that is kept for those who are told that there is none. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "proxy/mem.h"
#include "tests/test.h"

static void test_limit(void)
{
    const or_allocator *plain = &mem_allocator, *kept = &mem_allocator_kept;
    for (int way = 0; way < 2; way++) { /* by functions, by allocators */
        void *p[2];
        mem_set_limit(1000);
        mem_set_kept(300);
        CHECK((way ? plain->alloc(NULL, 701) : mem_alloc(701)) == NULL, "a byte too much");
        CHECK((way ? kept->alloc(NULL, 1001) : mem_alloc_kept(1001)) == NULL, "a byte too much");
        CHECK((p[0] = way ? plain->alloc(NULL, 700) : mem_alloc(700)) != NULL, "all but what is kept");
        CHECK((way ? plain->alloc(NULL, 1) : mem_alloc(1)) == NULL, "a byte of that");
        CHECK((p[1] = way ? kept->alloc(NULL, 300) : mem_alloc_kept(300)) != NULL, "what is kept");
        CHECK((way ? kept->alloc(NULL, 1) : mem_alloc_kept(1)) == NULL, "no more");
        CHECK(mem_used() == 1000 && mem_peak() == 1000, "counted");
        mem_free(p[0], 700);
        CHECK((p[0] = mem_alloc(401)) == NULL, "what is kept and in use counts for all");
        CHECK((p[0] = mem_alloc(400)) != NULL, "room again");
        mem_free(p[0], 400);
        kept->free(NULL, p[1], 300);
        CHECK(mem_used() == 0, "all given back");
    }
    CHECK(mem_alloc(SIZE_MAX) == NULL && mem_alloc_kept(SIZE_MAX) == NULL, "sizes do not wrap");
    mem_set_limit(SIZE_MAX);
    mem_set_kept(0);
    mem_free(NULL, 0);
    char *zeros = mem_alloc(100);
    size_t sum = 0;
    for (int i = 0; zeros != NULL && i < 100; i++) sum += zeros[i] != 0;
    CHECK(zeros != NULL && sum == 0, "zeroed");
    mem_free(zeros, 100);
}

int main(void)
{
    test_limit();
    TEST_MAIN_END("test_mem");
}
