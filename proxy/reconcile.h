/* Costs that were guessed - a client hung up, a crash - are asked for at OpenRouter
   (GET /generation), and the books corrected. */
#ifndef RECONCILE_H
#define RECONCILE_H

/* Ask for those that there are, and from now on for each new one. */
void reconcile_begin(void);
void reconcile_shutdown(void);

#endif
