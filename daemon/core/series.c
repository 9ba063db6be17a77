#include "core/series.h"

#include <assert.h>

void
series_init(struct series *s, struct sample *ring, size_t cap)
{
	assert(cap > 0);
	*s = (struct series){ .ring = ring, .cap = cap };
}

const struct sample *
series_at(const struct series *s, size_t i)
{
	return &s->ring[(s->first + i) % s->cap];
}

void
series_put(struct series *s, const struct sample *one)
{
	if (s->n > 0 && one->at.us < series_at(s, s->n - 1)->at.us)
		return;
	if (s->n < s->cap) {
		s->ring[(s->first + s->n++) % s->cap] = *one;
	} else {
		s->ring[s->first] = *one;
		s->first = (s->first + 1) % s->cap;
	}
}

void
series_move(struct series *s, struct sample *ring, size_t cap)
{
	struct series to;

	series_init(&to, ring, cap);
	for (size_t i = s->n > cap ? s->n - cap : 0; i < s->n; i++)
		series_put(&to, series_at(s, i));
	*s = to;
}

/* How many samples lie at or before a time. */
static size_t
upto(const struct series *s, mono at)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (series_at(s, mid)->at.us <= at.us)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool
series_value(const struct series *s, enum metric m, mono at, int64_t gap_ms,
    double *out)
{
	for (size_t i = upto(s, at); i-- > 0;) {
		const struct sample *one = series_at(s, i);

		if (mono_diff_ms(at, one->at) > gap_ms)
			return false;
		if (sample_has(one, m)) {
			*out = (double)one->v[m];
			return true;
		}
	}
	return false;
}

bool
series_covers(const struct series *s, enum metric m, mono from, mono to,
    int64_t gap_ms)
{
	mono next = to;

	for (size_t i = upto(s, to); i-- > 0;) {
		const struct sample *one = series_at(s, i);

		if (mono_diff_ms(next, one->at) > gap_ms)
			return false;
		if (!sample_has(one, m))
			continue;
		if (one->at.us <= from.us)
			return true;
		next = one->at;
	}
	return false;
}

bool
series_mean(const struct series *s, enum metric m, mono from, mono to,
    int64_t gap_ms, double *out)
{
	double sum = 0;
	size_t n = 0;

	if (!series_covers(s, m, from, to, gap_ms))
		return false;
	for (size_t i = upto(s, to); i-- > 0;) {
		const struct sample *one = series_at(s, i);

		if (one->at.us < from.us)
			break;
		if (sample_has(one, m)) {
			sum += (double)one->v[m];
			n++;
		}
	}
	/* A window shorter than the interval: what held through it. */
	if (n == 0)
		return series_value(s, m, to, gap_ms, out);
	*out = sum / (double)n;
	return true;
}
