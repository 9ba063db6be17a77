/* Numbers and durations as people write them, with range and unit. */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

/* A whole decimal number within [min, max].  what names it in the message:
 * `listen.port: must be 1..65535, not "70000"`. */
int	text_int(const char *s, int64_t min, int64_t max, const char *what,
	    int64_t *out, struct err *);

/* A duration: integers with ms, s, m, h, d, compounds as 1h30m; in ms. */
int	text_dur(const char *s, int64_t min, int64_t max, const char *what,
	    int64_t *out_ms, struct err *);
enum { TEXT_DUR = 48 };
/* The shortest exact form, "1h30m", "250ms", "0s"; returns out. */
char   *text_dur_fmt(int64_t ms, char out[TEXT_DUR]);

/* Edit distance, capped at 9, for "did you mean". */
int	text_distance(const char *a, const char *b);
/* The nearest of n names, or NULL when none is near. */
const char *text_nearest(const char *s, const char *const *names, size_t n);

/* A node, job, queue … name: 1..63 of [A-Za-z0-9._-], first not . or -. */
int	text_name(const char *s, const char *what, struct err *);

/* HOST, HOST:PORT, [V6]:PORT or a bare V6 address.  *port is left alone when
 * there is none.  host is cut from s without brackets, never empty. */
enum { TEXT_HOST = 256 };
int	text_host(const char *s, char host[TEXT_HOST], int *port, struct err *);

/* Splits a command line into words as a POSIX shell quotes them: '…', "…" with
 * \" and \\, and \x; nothing is expanded.  Returns the number of words, or -1.
 * The caller frees with text_words_free. */
int	text_words(const char *line, char ***words, struct err *);
void	text_words_free(char **words, int n);

#endif
