/* Condition text from anywhere: refused with a reason, or evaluated, told and
 * the same when parsed again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/condition.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct sample ring[16];
static struct series series;

static void
require(bool ok)
{
	if (!ok)
		abort();
}

static const struct series *
any_series(void *ctx, const char *node)
{
	(void)ctx;
	return node == NULL || node[0] == 'n' ? &series : NULL;
}

static const char *
any_field(void *ctx, enum cond_field f)
{
	(void)ctx;
	return f == COND_ROLE ? NULL : "aaaaaaaaaaaaaaaaaaaa-build-7,tape b";
}

static void
told(void *ctx, const struct cond_term *t)
{
	cond_term_line(ctx, t);
	require(t->column > 0 && t->len > 0 && t->value != NULL);
}

static void
evaluate(const struct cond *c)
{
	struct buf b = BUF_INIT(1 << 20);
	struct cond_env env = { .now = { .mono = { 100000000 } },
		.gap_ms = 15000, .ctx = &b, .series = any_series,
		.field = any_field };
	enum cond_result r = cond_eval(c, &env);

	env.term = told;
	require(cond_eval(c, &env) == r);
	require(cond_window(c) >= 0);
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *s = calloc(1, n + 1);

	require(s != NULL);
	if (n > 0)
		memcpy(s, p, n);
	if (series.ring == NULL) {
		series_init(&series, ring, 16);
		for (int i = 0; i < 16; i++) {
			struct sample one = { .at = { (25 + i * 5) *
			    INT64_C(1000000) }, .have = 0x3ffff };

			one.v[METRIC_CPU] = (float)(i * 6);
			series_put(&series, &one);
		}
	}
	for (int use = COND_STATE; use <= COND_INSTANT; use++) {
		struct err e = { 0 };
		struct cond *c, *again;

		if (cond_parse(s, (enum cond_use)use, &c, &e) == -1) {
			require(c == NULL && e.msg[0] != '\0');
			continue;
		}
		evaluate(c);
		require(cond_parse(cond_text(c), (enum cond_use)use, &again,
		    &e) == 0);
		cond_free(again);
		cond_free(c);
	}
	free(s);
	return 0;
}
