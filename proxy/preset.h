/* Presets of the settings: what a request that names one would have said without it. */
#ifndef PRESET_H
#define PRESET_H

#include "proxy/conf.h"
#include "proxy/facts.h"

/* The preset that a request names, by its member `preset` or behind its model ("@preset/NAME",
   "MODEL@preset/NAME"); NULL. *unknown: it names one that is not in the settings; absent: it
   does not. */
const conf_preset *preset_find(const conf *settings, const facts *f, or_str *unknown);

/* A model's name without "@preset/..."; may be empty. */
or_str preset_model(or_str name);

/* Write the body as it is without the preset: its model, models, provider and parameters where
   the request has none, its system text in front of the messages. */
or_err preset_apply(const conf_preset *p, const facts *f, or_buf *out);

#endif
