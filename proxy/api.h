/* What is served where: paths, who may ask, and the answers that need no provider. */
#ifndef API_H
#define API_H

#include "proxy/client.h"

/* Who can reach us. */
typedef enum api_reach {
    API_ANYBODY, /* other machines: keys decide, or open = yes */
    API_LOCAL    /* this machine: without keys Host and Origin are checked */
} api_reach;

/* May be called again after a reload. */
const client_hooks *api_setup(api_reach who);

#endif
