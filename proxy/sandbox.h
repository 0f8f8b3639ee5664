/* What serves gives up what it does not need: root, new privileges, system calls, files.

   Entered once everything is open that needs privileges (listening sockets, secrets, what of
   the settings stands in files), and before the first thread starts, since the kernel binds
   each thread for itself. What is read later - a reload's files, the state, lists, trust
   anchors - has to be there for the user that is left, in folders that were named at the start.

   Not given up: connecting to anywhere and listening, which a reload may ask for. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "proxy/conf.h"

/* As the settings say: `user`, `sandbox`. False: it would be less than they insist on; error says
   why, with the mend. */
bool sandbox_enter(const conf *c, char *error, size_t error_size);

/* What holds since then, in words. */
const char *sandbox_text(void);

/* Was anything given up? Then what worked at the start may be refused now. */
bool sandbox_holds(void);

/* For commands: as root in a folder that another user owns, become that user: what it could not
   open any more would stop the orproxy that serves. False: errno says why. */
bool sandbox_become_owner(const char *folder);

#endif
