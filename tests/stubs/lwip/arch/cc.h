/* What lwIP wants to know about the compiler and the machine. For compile checks only. */
#ifndef CC_H
#define CC_H

#define LWIP_PLATFORM_DIAG(x)   ((void)0)
#define LWIP_PLATFORM_ASSERT(x) ((void)0)

typedef int sys_prot_t;

#endif
