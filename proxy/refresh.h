/* Asks the providers for their lists of models, in the background: at the start, every
   conf.refresh, and again sooner where it failed. */
#ifndef REFRESH_H
#define REFRESH_H

#include <stdbool.h>

/* Ask all that have a list now; also after a reload. */
void refresh_begin(void);

/* The uplink is back: ask those again that did not answer. */
void refresh_hurry(void);

/* Is a list still on its way for the first time since refresh_begin? */
bool refresh_is_busy(void);

void refresh_shutdown(void);

#endif
