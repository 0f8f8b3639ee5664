/* The most memory that this process can come to have, computed from the settings.

   limits.memory bounds what is asked for (proxy/mem); what malloc loses between the blocks, the
   program itself, settings and stacks come on top. The kernel holds the sum (RLIMIT_DATA): at it
   an allocation fails, as at limits.memory, and the request that wanted it is refused. Memory of
   the kernel - socket buffers, page tables - is not in it. */
#ifndef CEILING_H
#define CEILING_H

#include "proxy/conf.h"

/* Hold it from now on, and say in a line of the log what it is:
   "memory: at most N bytes: ...". timers: what ev_open got. */
void ceiling_hold(const conf *c, uint32_t timers);

/* Until the next ceiling_hold there is none: new settings may need more. */
void ceiling_lift(void);

#endif
