#define STORE_SQL_ARGS
#include "store/batch.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

struct batch *
batch_new(void)
{
	struct batch *b = mem_zero(1, sizeof(*b));

	b->data = (struct buf)BUF_INIT(SIZE_MAX / 2);
	return b;
}

void
batch_free(struct batch *b)
{
	if (b == NULL)
		return;
	free(b->ops);
	free(b->params);
	buf_free(&b->data);
	free(b);
}

static void *
grown(void *p, unsigned used, unsigned *cap, size_t size)
{
	if (used < *cap)
		return p;
	*cap = *cap == 0 ? 4 : *cap * 2;
	return mem_grow(p, *cap * size);
}

static struct batch_param *
param_new(struct batch *b, char type)
{
	struct batch_param *p;

	b->params = grown(b->params, b->nparams, &b->params_cap,
	    sizeof(*b->params));
	p = &b->params[b->nparams++];
	*p = (struct batch_param){ .type = type };
	return p;
}

static void
param_bytes(struct batch *b, char type, const void *bytes, size_t len)
{
	struct batch_param *p = param_new(b, bytes == NULL ? 'n' : type);

	if (bytes == NULL)
		return;
	p->off = b->data.len;
	p->len = len;
	buf_put(&b->data, bytes, len);
}

void
batch_add(struct batch *b, enum stmt stmt, const char *types, ...)
{
	struct batch_op *op;
	const void *bytes;
	const char *s;
	va_list ap;

	assert((unsigned)stmt < S_COUNT);
	assert(strlen(types) == sql_args[stmt]);
	b->ops = grown(b->ops, b->nops, &b->ops_cap, sizeof(*b->ops));
	op = &b->ops[b->nops++];
	*op = (struct batch_op){ .stmt = stmt, .first = b->nparams };
	va_start(ap, types);
	for (; *types != '\0'; types++) {
		switch (*types) {
		case 'i':
			param_new(b, 'i')->number = va_arg(ap, int64_t);
			break;
		case 't':
			s = va_arg(ap, const char *);
			param_bytes(b, 't', s, s == NULL ? 0 : strlen(s));
			break;
		case 'b':
			bytes = va_arg(ap, const void *);
			param_bytes(b, 'b', bytes, va_arg(ap, size_t));
			break;
		default:
			assert(!"a parameter type is i, t or b");
		}
	}
	va_end(ap);
	op->nparams = b->nparams - op->first;
}

void
batch_must(struct batch *b)
{
	assert(b->nops > 0);
	b->ops[b->nops - 1].must = true;
}
