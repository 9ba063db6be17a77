/* A command on its way to the writer: statements, parameters, and later the
 * answer.  Inside the store only; store.h has what callers may do. */
#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include "buf.h"
#include "store/store.h"

struct batch_param {
	char	type;		/* i, t, b, or n for SQL NULL */
	int64_t number;		/* i */
	size_t	off, len;	/* t, b: where in data */
};

struct batch_op {
	enum stmt stmt;
	bool	  must;
	unsigned  first, nparams;	/* in params */
};

struct batch {
	struct batch_op	   *ops;
	struct batch_param *params;
	unsigned	    nops, nparams, ops_cap, params_cap;
	struct buf	    data;

	enum store_rc rc;	/* written by the writer */
	store_done   *done;
	void	     *arg;
	bool	      waited;	/* store_write owns it and waits */
	bool	      answered;	/* waited ones; under the store's lock */
	struct batch *next;
};

#endif
