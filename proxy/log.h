/* One line per event on stderr: "orproxy: ..." or a JSON object. Never prompts, replies or
   keys. */
#ifndef LOG_H
#define LOG_H

#include "or.h"

#if defined(__GNUC__)
#define LOG_FORMAT(text, args) __attribute__((format(printf, text, args)))
#else
#define LOG_FORMAT(text, args)
#endif

/* A printf format and its arguments, without a line end. Control bytes in the result are
   shown as '?', so that nothing received from outside can forge a line. */
void log_line(const char *format, ...) LOG_FORMAT(1, 2);

/* From now on every line is a JSON object (log = json), or text again. */
void log_as_json(bool json);

/* Nothing more: this process works for a command, whose output it would disturb. */
void log_mute(void);

/* A line that is a JSON object already. */
void log_object_line(or_str object);

#endif
