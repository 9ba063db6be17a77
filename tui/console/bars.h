/* What is above and below every screen: the status, the screens, what is wrong
 * with the link; messages and what is typed, hints. */
#ifndef CONSOLE_BARS_H
#define CONSOLE_BARS_H

#include "grid.h"
#include "model.h"

/* Rows 0 and 1. */
void	bars_status(const struct model *, const struct area *);
void	bars_screens(const struct model *, const struct area *);
/* What is wrong with the link, from row y on; returns its rows. */
int	bars_banner(const struct model *, const struct area *, int y);
/* What is said or typed; y is its last row. */
void	bars_message(const struct model *, const struct area *, int y);
void	bars_hints(const struct model *, const struct area *, int y);

#endif
