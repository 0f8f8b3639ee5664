#include "proxy/mem.h"

#include <stdlib.h>

static size_t limit = SIZE_MAX, kept, used, peak;

void mem_set_limit(size_t bytes)
{
    limit = bytes;
}

void mem_set_kept(size_t bytes)
{
    kept = bytes;
}

size_t mem_used(void)
{
    return used;
}

size_t mem_peak(void)
{
    return peak;
}

static bool take(size_t size, size_t most)
{
    if (size > most || used > most - size) return false;
    used += size;
    if (used > peak) peak = used;
    return true;
}

static void *zeroed(size_t size, size_t most)
{
    if (!take(size, most)) return NULL;
    void *ptr = calloc(1, size);
    if (ptr == NULL) used -= size;
    return ptr;
}

void *mem_alloc(size_t size)
{
    return zeroed(size, limit - kept);
}

void *mem_alloc_kept(size_t size)
{
    return zeroed(size, limit);
}

void mem_free(void *ptr, size_t size)
{
    if (ptr == NULL) return;
    used -= size;
    free(ptr);
}

/* Buffers are written before they are read: no zeroing. */
static void *unzeroed(size_t size, size_t most)
{
    if (!take(size, most)) return NULL;
    void *ptr = malloc(size);
    if (ptr == NULL) used -= size;
    return ptr;
}

static void *buffer_alloc(void *user, size_t size)
{
    (void)user;
    return unzeroed(size, limit - kept);
}

static void *buffer_alloc_kept(void *user, size_t size)
{
    (void)user;
    return unzeroed(size, limit);
}

static void buffer_free(void *user, void *ptr, size_t size)
{
    (void)user;
    mem_free(ptr, size);
}

const or_allocator mem_allocator = {buffer_alloc, buffer_free, NULL};
const or_allocator mem_allocator_kept = {buffer_alloc_kept, buffer_free, NULL};
