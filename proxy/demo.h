/* The simulated provider: a small HTTP server inside this process, reached through a local
   socket pair, so that everything between it and the application is what a real provider
   goes through. Its models answer deterministically, count tokens, cost money that nobody
   pays, and misbehave when their name says so. Nothing leaves the machine. */
#ifndef DEMO_H
#define DEMO_H

#include "or.h"

/* Its list of models, as GET /models says it. */
or_err demo_put_models(or_buf *out);

/* A new connection to it: the client's end, non-blocking. -1 with errno. */
int demo_connect(void);

#endif
