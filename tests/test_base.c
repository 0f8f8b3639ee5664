/* Strings, buffers, arenas, integers and decimals: every edge. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/test.h"

#define LEN(a) (sizeof(a) / sizeof(a)[0])

static void test_strings(void)
{
    CHECK(or_str_eq(OR_STR("ab"), OR_STR("ab")) && !or_str_eq(OR_STR("ab"), OR_STR("aB")), "eq");
    CHECK(or_str_eq(or_str_of(NULL, 0), OR_STR("")), "absent and empty are equal bytes");
    CHECK(or_str_eq_nocase(OR_STR("aBz"), OR_STR("AbZ")) && !or_str_eq_nocase(OR_STR("["), OR_STR("{")), "nocase");
    CHECK(or_str_eq_secret(OR_STR("key"), OR_STR("key")) && !or_str_eq_secret(OR_STR("key"), OR_STR("kez")) &&
              !or_str_eq_secret(OR_STR("key"), OR_STR("ke")), "secret");
    CHECK(or_str_find(OR_STR("abcabc"), OR_STR("bc"), 0) == 1, "find");
    CHECK(or_str_find(OR_STR("abcabc"), OR_STR("bc"), 2) == 4, "find later");
    CHECK(or_str_find(OR_STR("abc"), OR_STR("bcd"), 0) == 3, "not found");
    CHECK(or_str_find(OR_STR("abc"), OR_STR(""), 2) == 2, "empty needle");
    CHECK_STR(or_str_trim(OR_STR(" \ta b\t ")), OR_STR("a b"), "trim");
    CHECK(or_str_trim(OR_STR(" \t ")).len == 0, "trim all");
    CHECK(or_str_z(NULL).ptr == NULL && or_str_z("x").len == 1, "z");
    char secret[4] = "abc";
    or_wipe(secret, sizeof secret);
    CHECK(secret[0] == 0 && secret[2] == 0, "wipe");
    CHECK(strcmp(or_err_text(OR_OK), "success") == 0, "text");
    for (int e = OR_ERR_ANSWER; e <= OR_DONE; e++) CHECK(strlen(or_err_text((or_err)e)) > 3, "every error has words");
    CHECK(strcmp(or_err_text((or_err)100), "unknown error") == 0, "no error has that number");
}

static void test_integers(void)
{
    uint64_t u = 7;
    int64_t  i = 7;
    size_t   z = 7;
    CHECK(or_add_u64(UINT64_MAX - 1, 1, &u) && u == UINT64_MAX, "add");
    u = 7;
    CHECK(!or_add_u64(UINT64_MAX, 1, &u) && u == 7, "add over");
    CHECK(or_mul_u64(UINT64_MAX, 1, &u) && or_mul_u64(0, UINT64_MAX, &u) && u == 0, "mul");
    CHECK(or_mul_u64(4294967296u, 4294967295u, &u) && !or_mul_u64(4294967296u, 4294967296u, &u), "mul over");
    CHECK(or_add_i64(INT64_MAX, INT64_MIN, &i) && i == -1, "add signed");
    CHECK(!or_add_i64(INT64_MAX, 1, &i) && !or_add_i64(INT64_MIN, -1, &i), "add signed over");
    CHECK(or_mul_i64(INT64_MIN, 1, &i) && i == INT64_MIN && !or_mul_i64(INT64_MIN, -1, &i), "mul signed");
    CHECK(or_mul_i64(-3037000499, 3037000499, &i) && i == -9223372030926249001, "mul signed large");
    CHECK(or_mul_i64(-5, 0, &i) && i == 0 && or_mul_i64(-4, -4, &i) && i == 16, "mul signed zero");
    CHECK(or_add_size(SIZE_MAX, 0, &z) && !or_add_size(SIZE_MAX, 1, &z), "add size");
    CHECK(!or_mul_size(SIZE_MAX / 2 + 1, 2, &z) && or_mul_size(SIZE_MAX / 2, 2, &z), "mul size");
    CHECK(or_sat_add_u64(UINT64_MAX, 5) == UINT64_MAX && or_sat_add_u64(2, 3) == 5, "saturate");
    CHECK(or_ms_diff(5, 7) == 2 && or_ms_diff(7, 5) == -2, "ms");
    CHECK(or_ms_diff(UINT32_MAX, 1) == 2 && or_ms_diff(1, UINT32_MAX) == -2, "ms wraps");
    CHECK_ERR(or_u64_read(OR_STR("18446744073709551615"), &u), OR_OK, "largest");
    CHECK(u == UINT64_MAX, "largest");
    CHECK_ERR(or_u64_read(OR_STR("18446744073709551616"), &u), OR_ERR_RANGE, "one more");
    CHECK_ERR(or_u64_read(OR_STR(""), &u), OR_ERR_ARG, "nothing");
    CHECK_ERR(or_u64_read(OR_STR("99999999999999999999x"), &u), OR_ERR_ARG, "not a number, whatever its size");
    CHECK_ERR(or_u64_read(OR_STR("+1"), &u), OR_ERR_ARG, "sign");
}

static const struct {
    const char *in;
    unsigned    scale;
    or_err      e;
    int64_t     exact, rounded;
    const char *out; /* of exact */
} decimals[] = {
    {"0", 12, OR_OK, 0, 0, "0"},
    {"-0", 12, OR_OK, 0, 0, "0"},
    {"5", 0, OR_OK, 5, 5, "5"},
    {"0.0000000375", 12, OR_OK, 37500, 37500, "0.0000000375"},
    {"3.75e-8", 12, OR_OK, 37500, 37500, "0.0000000375"},
    {"1.5E+1", 1, OR_OK, 150, 150, "15"},
    {"-1.25", 2, OR_OK, -125, -125, "-1.25"},
    {"1e-12", 12, OR_OK, 1, 1, "0.000000000001"},
    {"1.00000", 2, OR_OK, 100, 100, "1"},
    {"100e-2", 0, OR_OK, 1, 1, "1"},
    {"0e99999999999999999999", 12, OR_OK, 0, 0, "0"},
    {"9223372036854775807", 0, OR_OK, INT64_MAX, INT64_MAX, "9223372036854775807"},
    {"-9223372036854775808", 0, OR_OK, INT64_MIN, INT64_MIN, "-9223372036854775808"},
    {"-9.223372036854775808", 18, OR_OK, INT64_MIN, INT64_MIN, "-9.223372036854775808"},
    {"0.000000000000000001", 18, OR_OK, 1, 1, "0.000000000000000001"},
    {"1.5", 0, OR_ERR_RANGE, 0, 2, NULL},
    {"1.4", 0, OR_ERR_RANGE, 0, 1, NULL},
    {"-1.5", 0, OR_ERR_RANGE, 0, -2, NULL},
    {"0.49", 0, OR_ERR_RANGE, 0, 0, NULL},
    {"-0.4", 0, OR_ERR_RANGE, 0, 0, NULL},
    {"0.0007100000000000001", 12, OR_ERR_RANGE, 0, 710000000, NULL},
    {"0.99999999999999", 12, OR_ERR_RANGE, 0, 1000000000000, NULL},
    {"5e-13", 12, OR_ERR_RANGE, 0, 1, NULL},
    {"4e-13", 12, OR_ERR_RANGE, 0, 0, NULL},
    {"9e-14", 12, OR_ERR_RANGE, 0, 0, NULL},
};

static void test_decimals(void)
{
    static const char *const malformed[] = {"", "-", "+1", ".5", "1.", "01", "1e", "1e+", "0x1", "1 ", " 1",
                                            "1,5", "NaN", "--1", "1.5.5"};
    static const char *const large[] = {"9223372036854775808", "-9223372036854775809", "1e19", "1e999999999999",
                                        "99999999999999999999"};
    int64_t n = 0;
    for (size_t i = 0; i < LEN(decimals); i++) {
        or_str in = test_exact(or_str_z(decimals[i].in));
        char   text[64];
        or_buf b;
        CHECK_ERR(or_decimal_read(in, decimals[i].scale, &n), decimals[i].e, decimals[i].in);
        if (decimals[i].e == OR_OK) {
            CHECK(n == decimals[i].exact, decimals[i].in);
            or_buf_init(&b, text, sizeof text);
            or_decimal_put(&b, n, decimals[i].scale);
            CHECK_STR(or_buf_str(&b), or_str_z(decimals[i].out), decimals[i].in);
        }
        CHECK_ERR(or_decimal_round(in, decimals[i].scale, &n), OR_OK, decimals[i].in);
        CHECK(n == decimals[i].rounded, decimals[i].in);
        free((void *)(uintptr_t)in.ptr);
    }
    for (size_t i = 0; i < LEN(malformed); i++)
        CHECK_ERR(or_decimal_read(or_str_z(malformed[i]), 6, &n), OR_ERR_ARG, malformed[i]);
    for (size_t i = 0; i < LEN(large); i++) {
        CHECK_ERR(or_decimal_read(or_str_z(large[i]), 0, &n), OR_ERR_RANGE, large[i]);
        CHECK_ERR(or_decimal_round(or_str_z(large[i]), 0, &n), OR_ERR_RANGE, large[i]);
    }
    CHECK_ERR(or_decimal_read(OR_STR("10"), 18, &n), OR_ERR_RANGE, "10 with 18 digits");
    CHECK_ERR(or_decimal_read(OR_STR("1"), 19, &n), OR_ERR_ARG, "scale");
}

static void test_buffers(void)
{
    char   mem[4];
    or_buf b;
    or_buf_init(&b, mem, sizeof mem);
    CHECK_ERR(or_buf_put_z(&b, "abc"), OR_OK, "three");
    CHECK_ERR(or_buf_put_char(&b, 'd'), OR_OK, "four");
    CHECK_ERR(or_buf_put(&b, NULL, 0), OR_OK, "nothing more");
    CHECK_ERR(or_buf_put_char(&b, 'e'), OR_ERR_SPACE, "five");
    or_buf_take(&b, 1);
    CHECK_ERR(or_buf_put_char(&b, 'e'), OR_ERR_SPACE, "sticks");
    CHECK_STR(or_buf_str(&b), OR_STR("bcd"), "taken");
    or_buf_clear(&b);
    CHECK_ERR(or_buf_put_i64(&b, -12), OR_OK, "cleared");
    CHECK_STR(or_buf_str(&b), OR_STR("-12"), "number");
    or_buf_take(&b, 99);
    CHECK(b.len == 0, "take more than all");
    or_buf_free(&b);
    CHECK(b.cap == sizeof mem, "a fixed one is not freed");

    or_buf_init_counting(&b);
    or_buf_put_z(&b, "hello");
    or_buf_put_u64(&b, UINT64_MAX);
    CHECK(b.len == 25 && b.err == OR_OK, "counting");
    CHECK_ERR(or_buf_reserve(&b, 1), OR_ERR_ARG, "no room in a count");

    for (unsigned long fail_at = 0; fail_at < 6; fail_at++) {
        test_heap    h = {0, fail_at, 0};
        or_allocator heap = TEST_ALLOCATOR(&h);
        size_t       n = 0;
        or_buf_init_growing(&b, &heap, 5000);
        while (or_buf_put(&b, "0123456789", 10) == OR_OK) n += 10;
        CHECK_ERR(b.err, fail_at != 0 && h.calls >= fail_at ? OR_ERR_MEMORY : OR_ERR_SPACE, "growing");
        CHECK(b.len == n && (b.err != OR_ERR_SPACE || n == 5000), "kept what was put");
        bool same = true;
        for (size_t i = 0; i < n; i++) same &= b.ptr[i] == (char)('0' + i % 10);
        CHECK(same, "content survives growing");
        or_buf_free(&b);
        CHECK(h.outstanding == 0, "given back");
    }
}

static void test_arenas(void)
{
    unsigned char mem[256];
    for (size_t skew = 0; skew < 16; skew++) {
        or_arena a;
        or_arena_init(&a, mem + skew, 64);
        unsigned n = 0;
        void    *p;
        while ((p = or_arena_alloc(&a, 8)) != NULL) {
            CHECK((uintptr_t)p % sizeof(uint64_t) == 0, "aligned");
            CHECK((unsigned char *)p >= mem + skew && (unsigned char *)p + 8 <= mem + skew + 64, "inside");
            n++;
        }
        CHECK(n == (skew % 8 == 0 ? 8 : 7), "all of it");
        or_arena_reset(&a);
        CHECK(or_arena_alloc(&a, 0) != NULL && a.peak == n * 8, "reset, peak");
    }
    or_arena none = {0};
    CHECK(or_arena_alloc(&none, 1) == NULL, "no memory at all");
    CHECK(or_arena_alloc(&none, SIZE_MAX) == NULL, "too much");

    for (unsigned long fail_at = 0; fail_at < 5; fail_at++) {
        test_heap    h = {0, fail_at, 0};
        or_allocator heap = TEST_ALLOCATOR(&h);
        or_arena     a;
        char        *all[40];
        unsigned     n = 0;
        or_arena_init_growing(&a, mem, 64, &heap);
        for (; n < 40; n++) {
            all[n] = (char *)or_arena_alloc(&a, 1000);
            if (all[n] == NULL) break;
            memset(all[n], (int)n, 1000);
        }
        CHECK(n == 40 || fail_at != 0, "grows");
        for (unsigned i = 0; i < n; i++) CHECK(all[i][0] == (char)i && all[i][999] == (char)i, "blocks do not move");
        or_arena_reset(&a);
        CHECK(h.outstanding == 0, "given back");
        CHECK(or_arena_alloc(&a, 32) != NULL, "the first block is back");
        or_arena_reset(&a);
    }
}

int main(void)
{
    test_strings();
    test_integers();
    test_decimals();
    test_buffers();
    test_arenas();
    TEST_MAIN_END("test_base");
}
