/* An RTOS that is not there. For compile checks only. */
#ifndef SYS_ARCH_H
#define SYS_ARCH_H

typedef void *sys_sem_t;
typedef void *sys_mutex_t;
typedef void *sys_mbox_t;
typedef void *sys_thread_t;

#endif
