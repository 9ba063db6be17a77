#include "kmsg.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "pack.h"

enum { STRING_LIMIT = KMSG_MAX, NAME_LIMIT = 255, PATH_LIMIT = 4095 };
#define MS_MAX ((int64_t)1000 * 86400 * 366 * 100)

bool
kmsg_id_ok(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789._-");

	return n > 0 && n < KMSG_ID && s[n] == '\0';
}

static size_t
begin(struct buf *b, enum kmsg_type type)
{
	size_t at = b->len;

	pack_int(b, 0, PACK_32);
	pack_int(b, (uint64_t)type, PACK_8);
	return at;
}

/* Fills in the length; a frame that does not fit leaves the buffer failed. */
static void
end(struct buf *b, size_t at)
{
	size_t n;

	if (b->failed)
		return;
	n = b->len - at - KMSG_HEAD;
	if (n > KMSG_MAX) {
		b->failed = true;
		return;
	}
	for (int i = 0; i < 4; i++)
		b->p[at + (size_t)i] = (char)(n >> (8 * i));
}

void
kmsg_put_hello(struct buf *b)
{
	size_t at = begin(b, KMSG_HELLO);

	pack_int(b, KMSG_VERSION, PACK_16);
	end(b, at);
}

static void
put_words(struct buf *b, const char *const *w)
{
	uint32_t n = 0;

	while (w[n] != NULL)
		n++;
	pack_int(b, n, PACK_32);
	for (uint32_t i = 0; i < n; i++)
		pack_str(b, w[i]);
}

void
kmsg_put_start(struct buf *b, const struct kmsg_start *s)
{
	size_t at = begin(b, KMSG_START);

	pack_str(b, s->id);
	pack_str(b, s->user);
	pack_str(b, s->dir);
	pack_int(b, (uint64_t)s->timeout_ms, PACK_64);
	pack_int(b, (uint64_t)s->grace_ms, PACK_64);
	pack_int(b, (uint64_t)s->output_max, PACK_64);
	put_words(b, s->argv);
	put_words(b, s->env);
	end(b, at);
}

void
kmsg_put_abort(struct buf *b, const char *id, int64_t grace_ms)
{
	size_t at = begin(b, KMSG_ABORT);

	pack_str(b, id);
	pack_int(b, (uint64_t)grace_ms, PACK_64);
	end(b, at);
}

void
kmsg_put_forget(struct buf *b, const char *id)
{
	size_t at = begin(b, KMSG_FORGET);

	pack_str(b, id);
	end(b, at);
}

void
kmsg_put_list(struct buf *b)
{
	end(b, begin(b, KMSG_LIST));
}

void
kmsg_put_welcome(struct buf *b, const char *start_id, const char *boot_id)
{
	size_t at = begin(b, KMSG_WELCOME);

	pack_int(b, KMSG_VERSION, PACK_16);
	pack_str(b, start_id);
	pack_str(b, boot_id);
	end(b, at);
}

void
kmsg_put_report(struct buf *b, const struct kmsg_report *r)
{
	size_t at = begin(b, KMSG_REPORT);

	pack_str(b, r->id);
	pack_int(b, (uint64_t)r->state, PACK_8);
	pack_int(b, (uint64_t)r->code, PACK_32);
	pack_int(b, (uint64_t)r->pid, PACK_64);
	pack_int(b, (uint64_t)r->started_ms, PACK_64);
	pack_int(b, (uint64_t)r->ended_ms, PACK_64);
	pack_str(b, r->slot);
	pack_str(b, r->why);
	end(b, at);
}

void
kmsg_put_listed(struct buf *b)
{
	end(b, begin(b, KMSG_LISTED));
}

void
kmsg_put_error(struct buf *b, const char *text)
{
	size_t at = begin(b, KMSG_ERROR);

	pack_str(b, text);
	end(b, at);
}

static int64_t
read_ms(struct unpack *u)
{
	int64_t v = (int64_t)unpack_int(u, PACK_64);

	if (v < 0 || v > MS_MAX) {
		u->bad = true;
		return 0;
	}
	return v;
}

static const char *
read_id(struct unpack *u)
{
	const char *id = unpack_str(u, KMSG_ID - 1);

	if (!u->bad && !kmsg_id_ok(id))
		u->bad = true;
	return id;
}

/* Appends a NULL-terminated list to m->words; returns where it starts. */
static size_t
read_words(struct unpack *u, struct kmsg *m, size_t *used)
{
	size_t at = *used, n = (size_t)unpack_int(u, PACK_32);

	/* A string takes at least 5 bytes: the count cannot make us allocate
	 * more than the frame's own size. */
	if (u->bad || n > KMSG_WORDS || n > u->n / 5) {
		u->bad = true;
		return at;
	}
	m->words = mem_grow(m->words, (at + n + 1) * sizeof(*m->words));
	for (size_t i = 0; i < n; i++)
		m->words[at + i] = unpack_str(u, STRING_LIMIT);
	m->words[at + n] = NULL;
	*used = at + n + 1;
	return at;
}

static void
read_start(struct unpack *u, struct kmsg *m)
{
	size_t used = 0, argv, env;

	m->start.id = read_id(u);
	m->start.user = unpack_str(u, NAME_LIMIT);
	m->start.dir = unpack_str(u, PATH_LIMIT);
	m->start.timeout_ms = read_ms(u);
	m->start.grace_ms = read_ms(u);
	m->start.output_max = read_ms(u);
	argv = read_words(u, m, &used);
	env = read_words(u, m, &used);
	if (u->bad)
		return;
	m->start.argv = (const char *const *)&m->words[argv];
	m->start.env = (const char *const *)&m->words[env];
}

static void
read_report(struct unpack *u, struct kmsg *m)
{
	uint64_t state;

	m->report.id = read_id(u);
	state = unpack_int(u, PACK_8);
	if (state >= RUN_NSTATES)
		u->bad = true;
	else
		m->report.state = (enum kmsg_state)state;
	m->report.code = (int)unpack_int(u, PACK_32);
	m->report.pid = (int64_t)unpack_int(u, PACK_64);
	m->report.started_ms = (int64_t)unpack_int(u, PACK_64);
	m->report.ended_ms = (int64_t)unpack_int(u, PACK_64);
	m->report.slot = unpack_str(u, KMSG_SLOT - 1);
	m->report.why = unpack_str(u, KMSG_WHY - 1);
	if (strchr(m->report.slot, '/') != NULL)
		u->bad = true;
}

static void
read_body(struct unpack *u, struct kmsg *m)
{
	switch (m->type) {
	case KMSG_HELLO:
		m->version = (int)unpack_int(u, PACK_16);
		/* A later version may say more here. */
		u->n = 0;
		return;
	case KMSG_START:
		read_start(u, m);
		return;
	case KMSG_ABORT:
		m->id = read_id(u);
		m->grace_ms = read_ms(u);
		return;
	case KMSG_FORGET:
		m->id = read_id(u);
		return;
	case KMSG_WELCOME:
		m->version = (int)unpack_int(u, PACK_16);
		m->start_id = unpack_str(u, NAME_LIMIT);
		m->boot_id = unpack_str(u, NAME_LIMIT);
		return;
	case KMSG_REPORT:
		read_report(u, m);
		return;
	case KMSG_ERROR:
		m->text = unpack_str(u, PATH_LIMIT);
		return;
	case KMSG_LIST:
	case KMSG_LISTED:
		return;
	}
	u->bad = true;
}

long
kmsg_read(const char *p, size_t n, struct kmsg *m, struct err *e)
{
	struct unpack u = { p, n, false };
	size_t len;

	memset(m, 0, sizeof(*m));
	if (n < KMSG_HEAD)
		return 0;
	len = (size_t)unpack_int(&u, PACK_32);
	m->type = (enum kmsg_type)unpack_int(&u, PACK_8);
	if (len > KMSG_MAX)
		return err_set(e, ERR_USAGE,
		    "keeper message %d: %zu bytes, at most %d are allowed",
		    (int)m->type, len, KMSG_MAX);
	if (u.n < len)
		return 0;
	u.n = len;
	read_body(&u, m);
	if (u.bad || u.n != 0) {
		kmsg_clear(m);
		return err_set(e, ERR_USAGE,
		    "keeper message %d of %zu bytes: not understood",
		    (int)m->type, len);
	}
	return (long)(len + KMSG_HEAD);
}

void
kmsg_clear(struct kmsg *m)
{
	free(m->words);
	m->words = NULL;
}
