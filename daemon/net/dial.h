/* The calling side: a session with a broker.  Loop thread only.
 *
 * The name is resolved off the loop at each dial, all addresses are tried, 10 s
 * in all.  closed tells why in one line with the cure (connection refused, no
 * route, no answer (dropped?), not a muster port, wrong host key, our key
 * refused).  The session's peer is the broker: kind PEER_NODE, its key and
 * address. */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include <stdbool.h>
#include <uv.h>

#include "key.h"
#include "session.h"

struct dial {
	const char *host;
	int	    port;
	const struct key *key;		/* ours; must outlive the session */
	/* Is this the broker's key?  pub is "ssh-ed25519 AAAA…"; called before
	 * anything is sent.  false ends the session with why. */
	bool (*trust)(void *ctx, const char *pub, const char *fingerprint,
	    struct err *why);
	int64_t timeout_ms;		/* in all; 0: the 10 s above */
};

/* Always returns a session; failures arrive through ops->closed.  The strings
 * are copied; ctx goes to trust, too. */
struct session *dial_start(uv_loop_t *, const struct dial *,
	    const struct session_ops *, void *ctx);

#endif
