/* Measured values, and what a line of JSON says of them. */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include <jansson.h>
#include <stddef.h>

struct figures {
	double *v;
	size_t	n;
};

void	figures_add(struct figures *, double);
/* The value below which the part p (0 to 1) lies; -1 when there is none. */
double	figures_part(struct figures *, double p);
/* {n, min, p50, p99, max} with one decimal, null when there is none; empties
 * the figures.  New reference. */
json_t *figures_json(struct figures *);
/* x with this many decimals, as JSON; null when it is not a number. */
json_t *figures_number(double x, int decimals);
/* One line on standard output; takes the document. */
void	figures_print(json_t *);

#endif
