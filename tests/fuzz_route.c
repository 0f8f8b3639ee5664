/* Any bytes as a catalogue, as preferences and as a recorded decision, with little memory and
   with enough: no crash, and a decision that can be read comes out the same once recorded. */
#define OR_IMPLEMENTATION
#include "or.h"
#include "tests/fuzz.h"

static char   memory[3][131072];
static size_t sum; /* so that every byte given back is read */

static void touch(or_str s)
{
    for (size_t i = 0; i < s.len; i++) sum += (unsigned char)s.ptr[i];
}

static void fuzz_catalogue(or_str text, size_t keep_size, size_t scratch_size)
{
    or_arena     keep, scratch;
    or_endpoint  defaults;
    or_catalogue c;
    memset(&defaults, 0, sizeof defaults);
    memset(&c, 0, sizeof c);
    defaults.provider = OR_STR("p");
    or_arena_init(&keep, memory[0], keep_size);
    or_arena_init(&scratch, memory[1], scratch_size);
    or_err e = or_catalogue_read(&c, text, &defaults, &keep, &scratch);
    if (e != OR_OK && (c.num != 0 || c.num_aliases != 0)) abort();
    for (uint32_t i = 0; i < c.num; i++) {
        const or_endpoint *p = &c.endpoints[i];
        or_price_list      now;
        or_wall            wall = {true, 1794787200};
        touch(p->model);
        touch(p->canonical);
        touch(p->provider);
        touch(p->provider_name);
        touch(p->tag);
        touch(p->upstream_model);
        touch(p->region);
        or_prices_at(&p->prices, 1000, wall, &now);
        sum += now.known;
        if (p->model.len == 0 || (now.known & ~now.named) != 0) abort();
    }
    for (uint32_t i = 0; i < c.num_aliases; i++) {
        touch(c.aliases[i].name);
        touch(c.aliases[i].model);
    }
}

/* What was read and written again reads and writes the same. */
static void fuzz_prefs(or_str text, size_t size)
{
    static char    out[2][65536];
    or_str         in = text;
    or_arena       arena;
    or_json_doc    doc;
    or_json_writer w;
    or_buf         buf[2];
    or_prefs       p;
    const char    *bad = "";
    or_arena_init(&arena, memory[0], size);
    for (int i = 0; i < 2; i++, in = or_buf_str(&buf[0])) {
        if (or_json_parse(&doc, in, 0, &arena) != OR_OK) return;
        or_err e = or_prefs_read(&doc, 0, &arena, &p, &bad);
        if (bad[0] == 0 && e != OR_OK) abort();
        if (e != OR_OK && i == 1 && e != OR_ERR_SPACE) abort();
        if (e != OR_OK) return;
        or_buf_init(&buf[i], out[i], sizeof out[i]);
        or_json_writer_init(&w, &buf[i]);
        if (or_prefs_write(&w, &p) != OR_OK) return;
    }
    if (!or_str_eq(or_buf_str(&buf[0]), or_buf_str(&buf[1]))) abort();
}

/* A line that can be read is decided on, recorded, and decided on again. */
static void fuzz_replay(or_str text)
{
    static ori_replay   line;
    static or_candidate list[512];
    static char         out[65536];
    or_arena            arena;
    or_json_doc         doc;
    ori_prefs           r = {&doc, 0, &arena, OR_OK, NULL, false};
    or_plan             plan;
    ori_route           route = {&line.request, &line.catalogue, &line.moment, &plan};
    or_buf              buf;
    bool                same;
    memset(&line, 0, sizeof line);
    or_arena_init(&arena, memory[0], sizeof memory[0]);
    if (or_json_parse(&doc, text, 0, &arena) != OR_OK) return;
    if (ori_replay_read(&r, &line) != OR_OK) return;
    or_plan_init(&plan, list, 512);
    if (ori_route_run(&route, NULL, line.healths) == OR_ERR_SPACE) return;
    or_buf_init(&buf, out, sizeof out);
    if (or_route_record(&buf, &plan, &line.request, &line.catalogue, &line.moment) != OR_OK) return;
    or_arena_init(&arena, memory[1], sizeof memory[1]);
    or_err e = or_route_replay(or_buf_str(&buf), &arena, &plan, &line.catalogue, &same, NULL);
    if (e != OR_ERR_SPACE && (e != OR_OK || !same)) abort();
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    or_str       text = or_str_of((const char *)data, size);
    or_arena     arena;
    or_plan      plan;
    or_catalogue catalogue;
    bool         same;
    fuzz_catalogue(text, sizeof memory[0], sizeof memory[1]);
    fuzz_catalogue(text, 2048, 4096);
    fuzz_prefs(text, sizeof memory[0]);
    fuzz_prefs(text, 700);
    fuzz_replay(text);
    or_arena_init(&arena, memory[2], 3000);
    (void)or_route_replay(text, &arena, &plan, &catalogue, &same, NULL);
}
