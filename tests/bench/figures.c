#include "figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"

void
figures_add(struct figures *f, double x)
{
	f->v = mem_grow(f->v, (f->n + 1) * sizeof(*f->v));
	f->v[f->n++] = x;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
figures_part(struct figures *f, double p)
{
	if (f->n == 0)
		return -1;
	qsort(f->v, f->n, sizeof(*f->v), by_value);
	return f->v[(size_t)(p * (double)(f->n - 1) + 0.5)];
}

/* As an integer where it is one, so that 3 is not printed as 3.0. */
json_t *
figures_number(double x, int decimals)
{
	double unit = pow(10, decimals), r = round(x * unit) / unit;

	if (!isfinite(x))
		return json_null();
	return r == floor(r) && fabs(r) < 1e15 ? json_integer((json_int_t)r)
					       : json_real(r);
}

json_t *
figures_json(struct figures *f)
{
	static const struct {
		const char *name;
		double	    part;
	} parts[] = { { "min", 0 }, { "p50", 0.5 }, { "p99", 0.99 },
		{ "max", 1 } };
	json_t *o;

	if (f->n == 0)
		return json_null();
	o = json_pack("{s:I}", "n", (json_int_t)f->n);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		(void)json_object_set_new(o, parts[i].name,
		    figures_number(figures_part(f, parts[i].part), 1));
	free(f->v);
	*f = (struct figures){ 0 };
	return o;
}

void
figures_print(json_t *doc)
{
	char *text = json_dumps(doc, JSON_COMPACT | JSON_REAL_PRECISION(9));

	(void)printf("%s\n", text);
	(void)fflush(stdout);
	free(text);
	json_decref(doc);
}
