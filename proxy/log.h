/* One line per event on stderr: "orproxy: ...". Never prompts, replies or keys. */
#ifndef LOG_H
#define LOG_H

#if defined(__GNUC__)
#define LOG_FORMAT(text, args) __attribute__((format(printf, text, args)))
#else
#define LOG_FORMAT(text, args)
#endif

/* A printf format and its arguments, without a line end. Control bytes in the result are
   shown as '?', so that nothing received from outside can forge a line. */
void log_line(const char *format, ...) LOG_FORMAT(1, 2);

#endif
