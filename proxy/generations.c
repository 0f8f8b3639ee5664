#include "proxy/generations.h"

#include <string.h>

#include "proxy/mem.h"

/* One block: the struct, then id, key and JSON behind each other. */
typedef struct generation {
    struct generation *next; /* younger */
    size_t             size;
    or_str             id, key, json;
} generation;

static generation *oldest, *youngest;
static size_t      num;

static void drop_oldest(void)
{
    generation *g = oldest;
    oldest = g->next;
    if (oldest == NULL) youngest = NULL;
    num--;
    mem_free(g, g->size);
}

static or_str keep(char **at, or_str s)
{
    or_str kept = or_str_of(*at, s.len);
    if (s.len > 0) memcpy(*at, s.ptr, s.len);
    *at += s.len;
    return kept;
}

void generations_add(size_t max, or_str id, or_str key, or_str json)
{
    while (num > 0 && num >= max) drop_oldest();
    if (max == 0) return;
    size_t      size = sizeof(generation) + id.len + key.len + json.len;
    generation *g = mem_alloc(size);
    if (g == NULL) return;
    char *at = (char *)(g + 1);
    g->size = size;
    g->id = keep(&at, id);
    g->key = keep(&at, key);
    g->json = keep(&at, json);
    if (youngest != NULL)
        youngest->next = g;
    else
        oldest = g;
    youngest = g;
    num++;
}

or_str generations_find(or_str id, or_str key)
{
    or_str found = or_str_of(NULL, 0);
    for (const generation *g = oldest; g != NULL; g = g->next)
        if (or_str_eq(g->id, id) && or_str_eq(g->key, key)) found = g->json;
    return found;
}

or_str generations_find_any(or_str id)
{
    or_str found = or_str_of(NULL, 0);
    for (const generation *g = oldest; g != NULL; g = g->next)
        if (or_str_eq(g->id, id)) found = g->json;
    return found;
}

void generations_clear(void)
{
    while (num > 0) drop_oldest();
}
