#include "proxy/mem.h"

#include <stdlib.h>

static size_t limit = SIZE_MAX, used, peak;

void mem_set_limit(size_t bytes)
{
    limit = bytes;
}

size_t mem_used(void)
{
    return used;
}

size_t mem_peak(void)
{
    return peak;
}

static bool take(size_t size)
{
    if (size > limit || used > limit - size) return false;
    used += size;
    if (used > peak) peak = used;
    return true;
}

void *mem_alloc(size_t size)
{
    if (!take(size)) return NULL;
    void *ptr = calloc(1, size);
    if (ptr == NULL) used -= size;
    return ptr;
}

void mem_free(void *ptr, size_t size)
{
    if (ptr == NULL) return;
    used -= size;
    free(ptr);
}

/* Buffers are written before they are read: no zeroing. */
static void *buffer_alloc(void *user, size_t size)
{
    (void)user;
    if (!take(size)) return NULL;
    void *ptr = malloc(size);
    if (ptr == NULL) used -= size;
    return ptr;
}

static void buffer_free(void *user, void *ptr, size_t size)
{
    (void)user;
    mem_free(ptr, size);
}

const or_allocator mem_allocator = {buffer_alloc, buffer_free, NULL};
