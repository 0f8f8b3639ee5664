/* What the files of sandbox share; nobody else's business.

   sandbox.c        the order, and the line that says what holds
   sandbox_user.c   another user instead of root, who gets the state
   sandbox_files.c  Landlock: files
   sandbox_calls.c  seccomp: system calls */
#ifndef SANDBOX_BACK_H
#define SANDBOX_BACK_H

#include "proxy/sandbox.h"

/* The sanitizers need calls and files of their own. */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif

enum { SANDBOX_TEXT = 256 };

/* Who is left instead of root. text: who this process is from now on, and why that is root if it
   still is. asked: the settings name a user, so anything else is a failure. False: error. */
bool sandbox_drop_root(const conf *c, char text[SANDBOX_TEXT], char *error, size_t error_size);

/* text: what holds now. False: nothing does, and text says why. */
bool sandbox_limit_files(const conf *c, char text[SANDBOX_TEXT]);

bool sandbox_limit_calls(char text[SANDBOX_TEXT]);

#endif
