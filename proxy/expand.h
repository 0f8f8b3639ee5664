/* The endpoints behind a router such as OpenRouter, asked for when a model of it is used and
   its provider section says endpoints = yes; again after conf.refresh. */
#ifndef EXPAND_H
#define EXPAND_H

#include "proxy/market.h"

/* This model is being asked for: learn its endpoints, for the requests to come. */
void expand_want(market *m, or_str model);

void expand_shutdown(void);

#endif
