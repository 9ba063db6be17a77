#include "store/row.h"

#include <sqlite3.h>

#include "store/store.h"

int64_t
row_int(const struct row *r, int col)
{
	return sqlite3_column_int64(r->st, col);
}

const char *
row_text(const struct row *r, int col)
{
	return (const char *)sqlite3_column_text(r->st, col);
}

const void *
row_blob(const struct row *r, int col, size_t *len)
{
	const void *p = sqlite3_column_blob(r->st, col);

	*len = (size_t)sqlite3_column_bytes(r->st, col);
	/* SQLite gives NULL for a blob of no bytes too. */
	return p != NULL || row_null(r, col) ? p : "";
}

bool
row_null(const struct row *r, int col)
{
	return sqlite3_column_type(r->st, col) == SQLITE_NULL;
}
