/* All memory that depends on traffic comes from here and is counted against one limit, so
   that the process has a ceiling (limits.memory): at the limit an allocation fails, the
   request that wanted it is refused, and everything else goes on. */
#ifndef MEM_H
#define MEM_H

#include "or.h"

/* Bytes that may be outstanding at once. */
void mem_set_limit(size_t bytes);

/* Bytes of them that only the functions with _kept may take (default: 0): who finds no memory for
   what he wants is to be told so. */
void mem_set_kept(size_t bytes);

/* Bytes outstanding now, and the most there ever were. */
size_t mem_used(void);
size_t mem_peak(void);

/* Zeroed memory; NULL at the limit or when the system has none. */
void *mem_alloc(size_t size);
void *mem_alloc_kept(size_t size);
void  mem_free(void *ptr, size_t size);

/* The same as or_allocators, for or_buf and or_arena. */
extern const or_allocator mem_allocator, mem_allocator_kept;

#endif
