/* Lists of models that come in pages: Anthropic's and Gemini's. */
#ifndef PAGES_H
#define PAGES_H

#include "or.h"
#include "proxy/providers.h"

enum {
    PAGES_MAX = 16,        /* of one list; each has up to 1000 models */
    PAGES_MAX_TOKEN = 1024 /* bytes of the name of a page */
};

/* What to ask for the page behind this one with; empty: it was the last, or the kind of provider
   has no pages. Points into mem, of PAGES_MAX_TOKEN bytes. A name that is longer, or not to be
   found, is no name. */
or_str pages_next(provider_kind kind, or_str body, char *mem);

/* Append the models of a page to an array that is not closed, "[" and on: pages_end closes it.
   What results is a list in a shape of its own. OR_ERR_TYPE: that is no list; other errors are
   those of out or of JSON. After an error all is as it was, but for all->err. */
or_err pages_add(or_buf *all, or_str body);
or_err pages_end(or_buf *all);

#endif
