/* A limit is used up to 50, 80 or 100 %: told in the log and, where settings have
   alert_webhook, to that URL as a JSON object. */
#ifndef ALERT_H
#define ALERT_H

#include "proxy/books.h"

/* Tell it, unless the same was told a minute ago. */
void alert_tell(const account *a, unsigned percent);

void alert_shutdown(void);

#endif
