/* Messages between musterd and the keeper: whatever bytes come, reading stays
 * inside them, and what was understood can be said again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "buf.h"
#include "kmsg.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
say_again(const struct kmsg *m)
{
	struct buf b = BUF_INIT(2 * KMSG_MAX);
	struct kmsg again;
	struct err e;

	if (m->type == KMSG_START)
		kmsg_put_start(&b, &m->start);
	else if (m->type == KMSG_REPORT)
		kmsg_put_report(&b, &m->report);
	else if (m->type == KMSG_ABORT)
		kmsg_put_abort(&b, m->id, m->grace_ms);
	else if (m->type == KMSG_FORGET)
		kmsg_put_forget(&b, m->id);
	if (b.len > 0) {
		if (b.failed || kmsg_read(b.p, b.len, &again, &e) !=
		    (long)b.len || again.type != m->type)
			abort();
		kmsg_clear(&again);
	}
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	struct kmsg m;
	struct err e;
	long n;

	while ((n = kmsg_read(p, size, &m, &e)) > 0) {
		say_again(&m);
		kmsg_clear(&m);
		p += n;
		size -= (size_t)n;
	}
	return 0;
}
