/* Name resolution off the loop: libc's resolver blocks, so threads call it. Answers are
   kept for a minute, and the last good one serves for as long as lookups fail: a provider
   does not move because the router lost its resolver. */
#ifndef DNS_H
#define DNS_H

#include "or.h"
#include "ports/posix.h"

enum {
    DNS_MAX_ADDRESSES = 8,
    DNS_THREADS = 2
};

typedef struct dns_answer {
    or_err        err; /* OR_OK: num is at least 1 */
    uint32_t      num;
    or_posix_addr addresses[DNS_MAX_ADDRESSES];
    char          error[128]; /* of a failure: "resolve example.org: Name or service ..." */
} dns_answer;

typedef struct dns_query dns_query;

/* Start the threads; false with errno. */
bool dns_setup(void);

/* Find the addresses of host. Known ones (a literal, a fresh answer) are in *answer at once:
   NULL is returned. Else done(user, answer) is called from the loop later; the query may be
   dropped by dns_forget until then. */
dns_query *dns_ask(or_str host, uint16_t port, dns_answer *answer,
                   void (*done)(void *user, const dns_answer *answer), void *user);
void       dns_forget(dns_query *q);

#endif
