/* One exchange: a client's request through the one choke point - facts, decision, call - to a
   provider, and its answer back in OpenRouter's shape.

     gate -> facts -> decide -> reserve -> or_call: attempts, until one opens -> the answer
     -> settle -> over
                                  \-> TAIL: the client has all, the connection is not yet
                                      at the end of the message

   Nothing is committed to the client before the first content, tool call or end came, or
   the heartbeat has passed: until then a failure has its own status; after it a failure is
   the last event of the stream. */
#ifndef RELAY_H
#define RELAY_H

#include "proxy/books.h"
#include "proxy/client.h"
#include "proxy/conf.h"
#include "proxy/facts.h"

/* Answer c's request, which is complete. path is behind the provider's base path, and static;
   speaks is what the body is in; who is whose key it is, NULL where there are no keys. */
void relay_request(client *c, facts_kind kind, or_dialect speaks, const char *path, account *who);

/* POST /route: what would be done, without doing it. */
void relay_route(client *c, const account *who);

/* Streams in work. */
unsigned relay_num_streams(void);

/* End what is left, after the clients: connections that wait for the end of a message. */
void relay_shutdown(void);

/* For client_hooks. */
void relay_gone(void *owner);
void relay_drained(void *owner);
void relay_ended(void *owner);

#endif
