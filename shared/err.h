/* What went wrong, in one line that names the object, the reason and the cure.
 *
 * Functions that can fail for reasons outside the program take a struct err *
 * last and return -1.  The lowest layer that knows the object writes the
 * message; upper layers add nothing unless it helps.  The code decides the
 * exit status of a command (SPEC section 8) and the JSON-RPC error. */
#ifndef ERR_H
#define ERR_H

enum err_code {
	ERR_OK,
	ERR_FAILED,		/* refused or failed: exit 1 */
	ERR_USAGE,		/* bad input: exit 2 */
	ERR_CONNECT,		/* nobody there: exit 3 */
	ERR_DENIED,		/* not permitted: exit 4 */
	ERR_NOTFOUND,		/* no such thing: exit 5 */
	ERR_TIMEOUT,		/* timed out: exit 6 */
	ERR_STALE,		/* what was seen has moved since: exit 1 */
	ERR_BUSY,		/* full or not ready now, try again: exit 1 */
	ERR_IO,			/* the system said no: exit 1 */
	ERR_NCODES
};

struct err {
	enum err_code code;
	char	      msg[512];
};

/* Both always return -1, so that "return err_set(...)" reads well.  A NULL err
 * is allowed and discards the message.  err_sys appends strerror(errno).  The
 * message is always valid UTF-8: what is not, cut characters included, is "?". */
int	err_set(struct err *, enum err_code, const char *, ...)
	    __attribute__((format(printf, 3, 4)));
int	err_sys(struct err *, const char *, ...)
	    __attribute__((format(printf, 2, 3)));

/* "refused", "usage", … the stable word of the code in JSON documents. */
const char *err_word(enum err_code);
/* The code of a word; ERR_FAILED for an unknown one. */
enum err_code err_of_word(const char *);
/* The exit status of a command that ended with this code: 0 to 6. */
int	err_exit(enum err_code);

#endif
