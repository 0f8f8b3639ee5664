/* lwIP as a device has it, for compile checks only: its own socket headers, 32-bit, small.
   -DNO_SYS=1 is the system without an RTOS. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#ifndef NO_SYS
#define NO_SYS 0
#endif
#define LWIP_SOCKET             (!NO_SYS)
#define LWIP_NETCONN            (!NO_SYS)
#define LWIP_TCPIP_CORE_LOCKING (!NO_SYS)
#define LWIP_DNS                1
#ifndef LWIP_IPV4
#define LWIP_IPV4 1
#endif
#ifndef LWIP_IPV6
#define LWIP_IPV6 1
#endif
#define LWIP_COMPAT_SOCKETS 0
#define MEM_ALIGNMENT       4
#define TCP_MSS             1460
#define TCP_WND             (24 * TCP_MSS)
#define TCP_SND_BUF         (4 * TCP_MSS)
#define LWIP_PROVIDE_ERRNO  1

#endif
