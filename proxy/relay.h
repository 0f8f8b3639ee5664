/* One exchange: a client's request to the provider, its answer back.

     CONNECT -> SEND -> ANSWER (head, then a whole body or a stream) -> over
                                  \-> TAIL: the client has all, the connection is not yet
                                      at the end of the message

   Nothing is committed to the client before the first content, tool call or end came, or
   the heartbeat has passed: until then a failure has its own status; after it a failure is
   the last event of the stream. */
#ifndef RELAY_H
#define RELAY_H

#include "proxy/client.h"
#include "proxy/conf.h"
#include "proxy/facts.h"

/* The settings must stay. */
void relay_setup(const conf *settings);

/* Answer c's request, which is complete. */
void relay_chat(client *c, const facts *f);
void relay_models(client *c);

/* End what is left, after the clients: connections that wait for the end of a message. */
void relay_shutdown(void);

/* For client_hooks. */
void relay_gone(void *owner);
void relay_drained(void *owner);

#endif
