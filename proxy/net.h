/* Listening sockets, and the way to one of our own. Everything about connections to others is in
   ports/posix. */
#ifndef NET_H
#define NET_H

#include <stdbool.h>
#include <stddef.h>

/* Where a socket is, as text "ADDR:PORT" or "[V6]:PORT". */
typedef struct net_name {
    char text[64];
} net_name;

/* Can that be listened on? */
bool net_is_address(const char *address);

/* Listen on "ADDR:PORT", a net_is_address (ADDR numeric, a v6 one in brackets; port 0: any free one).
   fd        non-blocking, close-on-exec
   loopback  only this machine can reach it
   bound     the address it got
   False: error has the reason with the mend. */
bool net_listen(const char *address, int *fd, bool *loopback, net_name *bound, char *error,
                size_t error_size);

/* Begin to connect to who listens on "ADDR:PORT" of this machine: where that is every address
   (0.0.0.0, ::), to loopback. fd is non-blocking, close-on-exec; it can be written to, or
   has an error, once that is done. False: error has the reason. */
bool net_connect(const char *address, int *fd, char *error, size_t error_size);

/* Is "ADDR:PORT" a loopback address? False when it is not even an address. */
bool net_is_loopback(const char *address);

/* Listen on a path, for this user alone; what an earlier process left there is removed. False:
   error says why. */
bool net_listen_unix(const char *path, int *fd, char *error, size_t error_size);

/* The next waiting connection: non-blocking, close-on-exec, TCP_NODELAY. -1 with errno. */
int net_accept(int listener);

/* A connected pair of local stream sockets, non-blocking, close-on-exec. */
bool net_pair(int fds[2]);

#endif
