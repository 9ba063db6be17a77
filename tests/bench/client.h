/* The protocol from a program that waits for its answers: one connection to
 * the local socket of a daemon of the crew.  An error ends the program. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <jansson.h>
#include <stdint.h>

#include "buf.h"

struct client {
	int	   fd;
	struct buf in, out;
	int64_t	   id;
};

/* Connects and says hello. */
void	client_open(struct client *, const char *socket);
void	client_close(struct client *);
/* Takes params, returns the id; the answer comes by client_next. */
int64_t	client_ask(struct client *, const char *method, json_t *params);
/* The next message, sending what has to be sent.  New reference. */
json_t *client_next(struct client *);
/* Asks and waits; an error ends the program with its text.  New reference. */
json_t *client_call(struct client *, const char *method, json_t *params);
/* The same, but an error is NULL. */
json_t *client_try(struct client *, const char *method, json_t *params);

#endif
