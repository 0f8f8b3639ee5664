/* The connection from an application: reads requests, writes answers, keeps alive.

   One request at a time: pipelined ones wait in the input. The states of a connection:

     HEAD --head complete--> BODY --all of it--> BUSY --answer ended--> FLUSH --sent--> HEAD
       \____________________________ refused: answer, then __________________________/
                                                           \--> LINGER --> closed

   While BUSY the request is the owner's: it calls client_reply, or client_stream_begin,
   client_stream..., client_stream_end. client_error works at any time before an answer
   has begun. */
#ifndef CLIENT_H
#define CLIENT_H

#include "or.h"
#include "proxy/conf.h"
#include "proxy/envelope.h"

typedef struct client client;

/* Bytes of memory for a connection, a small head, and the answer to who finds no room. */
enum { CLIENT_KEPT = 4096 };

typedef struct client_hooks {
    /* The head is complete: refuse by client_error (false), or let the body come (true). */
    bool (*head)(client *c);
    /* The whole request is here: answer now or later. */
    void (*request)(client *c);
    /* Only after client_owner: the peer is gone; forget c. Anything more said to c is lost. */
    void (*gone)(void *owner);
    /* Only after client_owner: what client_stream held back was taken. */
    void (*drained)(void *owner);
    /* Only after client_owner, in a stream: the peer sends no more. If it is gone altogether, the
       next bytes to it will tell, so they had better be soon. */
    void (*ended)(void *owner);
    /* What whoever asks for this understands: errors are told in it. */
    or_dialect (*speaks)(const or_http_head *h);
    /* An answer begins, and the request's head can be read: add header lines. */
    void (*fields)(const client *c, or_buf *head);
} client_hooks;

/* hooks must stay. Limits and timeouts are those of conf_now. */
void client_setup(const client_hooks *hooks);

/* Serve a listening socket, known by its address in the settings; owner: who gets through to it is
   this machine's owner. False with errno. */
bool client_listen(int fd, const char *address, bool owner);
bool client_listens(const char *address);
void client_unlisten(const char *address); /* its connections may finish their answer: who came
                                              by it must not profit from what the others may */

/* Serve a connection of the owner's that came by another way. False: no memory, or errno. */
bool client_serve(int fd);

/* Stop accepting; idle connections close, busy ones after their answer. */
void client_drain(void);

/* Cut all that is left. */
void client_shutdown(void);

/* Did it come by a way that only the owner has? Then no key is asked for. */
bool client_is_owner(const client *c);

/* Open connections, those with a request in work. */
unsigned client_count(void);
unsigned client_busy(void);

/* The request. Valid from the head hook until the answer begins; the body is empty in
   the head hook. */
const or_http_head *client_head(const client *c);
or_str              client_body(const client *c);

/* While the head is told of: did all of the request come with it? */
bool client_came_whole(const client *c);

/* Keep the body beyond the answer: a large one changes hands, a small one is copied. to is a
   growing buffer of mem_allocator; client_body is empty then, or as before. */
or_err client_take_body(client *c, or_buf *to);

/* The one to tell by gone and drained while c is busy. */
void client_owner(client *c, void *owner);

/* What ends the answer stays here until client_release has reached that number, which grows from
   one call to the next: said before client_reply or client_stream_end. */
void client_hold(client *c, uint64_t until);
void client_release(uint64_t reached);

/* A whole answer. fields: further header lines, each ended by CRLF; may be absent. */
void client_reply(client *c, uint16_t status, const char *content_type, or_str fields,
                  or_str body);

/* A whole answer that is an error object. */
void client_error(client *c, const envelope *e, or_str fields);

/* An answer of unknown length, in pieces. fields as above, with the Content-Type. The head goes with
   the first piece.
   client_stream: false when the peer is slow and the caller should stop until drained.
   status: 200, or another success. end: the last pieces and the end in one write; complete tells
   whether the answer is whole; if not, the connection is cut so that the peer sees it. */
void client_stream_begin(client *c, uint16_t status, or_str fields);
bool client_stream(client *c, const or_str *pieces, size_t num);
void client_stream_end(client *c, const or_str *pieces, size_t num, bool complete);

#endif
