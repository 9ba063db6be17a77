/* Waiting for what a loop does.  The including test has turn(): one turn of
 * everything. */
#ifndef UNTIL_H
#define UNTIL_H

#include <unistd.h>

#include "clock.h"

/* What takes longer will never be: a machine may be busy with other tests. */
enum { PATIENCE_MS = 60000 };

#define UNTIL(what)                                                           \
	do {                                                                  \
		mono end_ = mono_add_ms(clock_mono(), PATIENCE_MS);           \
		while (!(what)) {                                             \
			if (clock_mono().us > end_.us)                        \
				fail_msg("never: %s", #what);                 \
			turn();                                               \
			(void)usleep(200);                                    \
		}                                                             \
	} while (0)

#endif
