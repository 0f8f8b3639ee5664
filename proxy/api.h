/* Which path does what, and who may ask. */
#ifndef API_H
#define API_H

#include "proxy/client.h"
#include "proxy/conf.h"

/* What the server calls for each request. local: this machine only, without keys, so Host
   and Origin are checked. The settings must stay. */
const client_hooks *api_setup(const conf *settings, bool local);

#endif
