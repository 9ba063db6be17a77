/* A row while its callback looks at it, as SQLite has it: for who asks SQLite
 * himself.  All others read it through row_* of store.h. */
#ifndef STORE_ROW_H
#define STORE_ROW_H

struct sqlite3_stmt;

struct row {
	struct sqlite3_stmt *st;
};

#endif
