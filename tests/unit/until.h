/* Waiting for what a loop does.  The including test has turn(): one turn of
 * everything. */
#ifndef UNTIL_H
#define UNTIL_H

#include <unistd.h>

#include "patience.h"

#define UNTIL(what)                                                           \
	do {                                                                  \
		struct patience p_ = { 0 };                                   \
		while (!(what)) {                                             \
			if (!patient(&p_))                                    \
				fail_msg("never: %s", #what);                 \
			turn();                                               \
			(void)usleep(200);                                    \
		}                                                             \
	} while (0)

#endif
