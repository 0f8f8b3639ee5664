/* What is served where: paths, who may ask, and the answers that need no provider. */
#ifndef API_H
#define API_H

#include "proxy/client.h"

/* local: only this machine can reach us, so that without keys Host and Origin are checked. */
const client_hooks *api_setup(bool local);

#endif
