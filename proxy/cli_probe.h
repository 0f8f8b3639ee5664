/* How far one provider is reached with one of its keys. Private to cli. */
#ifndef CLI_PROBE_H
#define CLI_PROBE_H

#include "or.h"
#include "ports/link.h"
#include "proxy/conf.h"

typedef enum cli_step { CLI_RESOLVE, CLI_CONNECT, CLI_TLS, CLI_MODELS, CLI_STEPS } cli_step;

typedef struct cli_probe {
    const conf_provider *provider;
    const char          *key;        /* NULL: none is sent */
    const char          *ca;         /* as the settings say; NULL: not set */
    uint32_t             timeout_ms; /* of each wait */
    cli_step             step;       /* reached; CLI_STEPS: all went well */
    bool                 tls;
    uint32_t             num_models;
    uint32_t             took_ms;
    uint16_t             status;      /* of the list of models; 0: none came */
    char                 error[512];  /* what failed at `step`; "" when all went well */
    char                 advice[512]; /* the mend; "": none is known */
    /* private */
    uint32_t begun_ms;
    or_url   url;
    or_link  link;
} cli_probe;

/* provider, key, ca and timeout_ms are set, the rest is zeroed. Blocks. */
void cli_probe_run(cli_probe *p);

/* How many models the body of a list has: {"data":[...]}, {"models":[...]} or [...].
   OR_ERR_TYPE: none of these. */
or_err cli_count_models(or_str body, uint32_t *num);

#endif
