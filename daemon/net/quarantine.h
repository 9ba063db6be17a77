/* Keys that have hung this daemon once: refused until an operator takes their
 * line out of the file (watchdog.h says what hangs it).
 *
 * One line a key: "SHA256:… TIME ADDRESS".  No file is an empty list. */
#ifndef QUARANTINE_H
#define QUARANTINE_H

#include <stdbool.h>

bool	quarantine_has(const char *path, const char *fingerprint);
/* Appends and syncs; takes no lock and no memory, since it is called by the
 * watchdog while the loop hangs.  -1 with errno. */
int	quarantine_add(const char *path, const char *fingerprint,
	    const char *addr);

#endif
