/* One request of our own: a GET to a provider, or a POST to some URL. */
#ifndef FETCH_H
#define FETCH_H

#include "proxy/market.h"

typedef struct fetch fetch;

/* What came: status 200 and the body, or why not (error is not empty then). Valid during the
   call. */
typedef struct fetch_result {
    uint16_t    status;
    or_str      body;
    const char *error;
} fetch_result;

/* Begin; done is called from the loop, once, unless it is cancelled before. The market is held
   meanwhile. path is behind the provider's base path. NULL: no memory. */
fetch *fetch_begin(market *m, unsigned target, const char *path,
                   void (*done)(void *user, const fetch_result *r), void *user);
void   fetch_cancel(fetch *f);

/* The same, of its list of models; page: what pages_next gave, empty for the first; copied. */
fetch *fetch_list(market *m, unsigned target, or_str page,
                  void (*done)(void *user, const fetch_result *r), void *user);

/* The same, as a POST of JSON, to the base URL of a host that is nobody's provider: no key is sent.
   The host is held meanwhile, json is copied. */
fetch *fetch_post(upstream_host *host, or_str json, void (*done)(void *user, const fetch_result *r),
                  void *user);

/* Write the head fields that each request to that provider has: authorization and who we are.
   The version of the API, where there is one, is left to provider_put_version, since a client
   may have named another. */
void fetch_put_fields(or_buf *head, const conf_provider *p, unsigned key);

#endif
