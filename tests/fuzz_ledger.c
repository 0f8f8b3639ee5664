/* Lines of a ledger that anybody may have written: understood or refused, and the books stay such
   that they can be written and read again. */
#define _GNU_SOURCE
#define OR_IMPLEMENTATION
#include "or.h"

#include "proxy/gate_back.h"
#include "proxy/ledger.h"
#include "tests/fuzz.h"
#include "tests/market_body.h"

static const char settings[] = "[provider openrouter]\nbase_url=http://127.0.0.1:9/v1\nlist=no\n"
                               "[app a]\nmatch=A*\n[user u]\nmatch=*\n";

/* An object that one part of the books writes is read by the same part. */
static void check(or_buf *b, or_json_writer *w, bool (*fold)(const or_json_doc *, int, or_arena *))
{
    or_arena    arena;
    or_json_doc doc;
    or_json_end_object(w);
    if (or_json_writer_end(w) != OR_OK) abort();
    or_arena_init_growing(&arena, NULL, 0, &mem_allocator);
    if (or_json_parse(&doc, or_buf_str(b), 0, &arena) != OR_OK || !fold(&doc, 0, &arena)) abort();
    or_arena_reset(&arena);
    or_buf_free(b);
}

static void check_books(void)
{
    or_buf         b;
    or_json_writer w;
    for (account *a = books_next(NULL); a != NULL; a = books_next(a)) {
        if (a->budget.spent_pico_usd < 0 || a->own.total < 0 || a->byok.month < 0) abort();
        or_buf_init_growing(&b, &mem_allocator, 1 << 20);
        or_json_writer_init(&w, &b);
        or_json_begin_object(&w);
        books_put(&w, a);
        check(&b, &w, books_fold);
    }
    for (const tally_row *r = tally_rows(); r != NULL; r = r->next) {
        if (r->sum.own < 0 || r->sum.byok < 0) abort();
        or_buf_init_growing(&b, &mem_allocator, 1 << 20);
        or_json_writer_init(&w, &b);
        or_json_begin_object(&w);
        tally_put_row(&w, r);
        check(&b, &w, tally_fold_row);
    }
}

static void on_alert(const account *a, unsigned percent)
{
    (void)a;
    (void)percent;
}

static void on_durable(uint64_t number)
{
    (void)number;
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    static const gate_hooks hooks = {on_alert, on_durable};
    if (market_now() == NULL) {
        ev_open(16);
        log_mute();
        start(settings);
        conf_use(market_now()->settings);
        remove_folder();
        test_passed++;
    }
    if (!gate_open(conf_now(), NULL, &hooks, error, sizeof error)) abort();
    or_str all = test_exact(or_str_of((const char *)data, size)), rest = all;
    while (rest.len > 0) {
        size_t n = or_str_find(rest, OR_STR("\n"), 0);
        (void)gate_fold(or_str_of(rest.ptr, n));
        rest = n < rest.len ? or_str_of(rest.ptr + n + 1, rest.len - n - 1) : or_str_of(NULL, 0);
    }
    gate_recover();
    check_books();
    while (gate_estimates() != NULL) gate_adjust(gate_estimates(), 5, 7, "told");
    check_books();
    gate_close();
    free((void *)(uintptr_t)all.ptr);
}
