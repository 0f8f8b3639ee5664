/* The ledger: lines that are only ever added to files under `state`, each chained to the one
   before (proxy/chain.h). What they mean is the owner's business.

     state/lock                  held by the process that has the ledger; its pid
     state/ledger-000001.jsonl   segments; each begins with a snapshot of everything, so that
     state/ledger-000002.jsonl   the newest is all that a start has to read, and the oldest may go

   Lines are gathered in memory and written, then synced, by a thread, as many at once as
   have come together. A line is `durable` when fdatasync returned behind it. When the disk
   refuses, nothing is dropped: the same bytes are tried again every second, and new lines wait. */
#ifndef LEDGER_H
#define LEDGER_H

#include "or.h"

enum {
    LEDGER_SEGMENT = 1024 * 1024,    /* bytes behind the snapshot at which a new segment begins, */
    LEDGER_SNAPSHOTS = 4,            /* and at least so many times its own: most is not snapshots */
    LEDGER_MAX_WAITING = 4096 * 1024, /* bytes of lines that wait for the disk */
    LEDGER_THREADS = 1
};

typedef enum ledger_state {
    LEDGER_OFF, /* there is none */
    LEDGER_OK,
    LEDGER_FAILING, /* it cannot be written now; tried again */
    LEDGER_BROKEN   /* a line in it was changed or lost: nothing is written until ledger_accept */
} ledger_state;

typedef struct ledger_hooks {
    /* At the opening: each line of the newest segment, without its end. False: not understood. */
    bool (*fold)(or_str line);
    /* A segment begins: write lines that say everything, the last one of type snapshot_end. */
    void (*snapshot)(void);
    /* Lines up to ledger_durable() are on disk now; or the state changed. */
    void (*news)(void);
} ledger_hooks;

typedef struct ledger_desc {
    const char         *dir;
    const ledger_hooks *hooks;   /* must stay */
    uint32_t            sync_ms; /* 0: each line at once; else those that are not urgent wait so
                                    long for company */
    uint64_t max_bytes;          /* of all segments; the oldest go first */
    uint32_t days;               /* that segments are kept; 0: for ever */
} ledger_desc;

/* Take the lock and read the newest segment. A torn tail (of a write that the power cut
   through) is cut off and said. False: error says why, and nothing is held. */
bool ledger_open(const ledger_desc *d, char *error, size_t error_size);

/* Other settings, same folder. */
void ledger_change(const ledger_desc *d);

/* Write everything that waits, sync, let go of the lock. */
void ledger_close(void);

/* Begin a line: {"n":...,"time":...,"type":type ... The caller writes members. NULL: there is no
   ledger, or no memory. */
or_json_writer *ledger_begin(const char *type);

/* End it. urgent: somebody waits for it. Its number; 0: it was not written. */
uint64_t ledger_end(bool urgent);

/* The number of the last line that is on disk. */
uint64_t ledger_durable(void);

/* A line that has to be on disk before something happens: may it happen now? True for 0, and
   while the disk refuses, when waiting would be in vain. */
bool ledger_has(uint64_t number);

ledger_state ledger_status(void);

/* What is wrong, and the mend; "" when all is well. */
const char *ledger_fault(void);

/* No more lines can wait: nothing that costs money may begin. */
bool ledger_is_full(void);

/* What is broken: nothing of it is written to again, so that this names it for ever. */
typedef struct ledger_break {
    char     file[32];
    uint64_t bytes;
    char     sha256[65]; /* of all of them, in hex */
    unsigned line;       /* the first bad one */
    unsigned num;        /* lines that do not fit the chain */
} ledger_break;
const ledger_break *ledger_broken(void);

/* The owner accepts a broken ledger: a new segment begins with what could be read. False: it is
   not broken, or there is no memory. */
bool ledger_accept(void);

/* For /limits and the metrics. */
typedef struct ledger_facts {
    uint32_t segment;
    uint64_t number, bytes, waiting, syncs; /* last line, bytes of the newest segment */
} ledger_facts;
void ledger_tell(ledger_facts *f);

#endif
