/* Joining and leaving from the node's side: each step is one short session
 * with the broker, whose key is checked before anything is said. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fcntl.h>
#include <utlist.h>

#include "core/token.h"
#include "js.h"
#include "log.h"
#include "mem.h"
#include "net/dial.h"
#include "node/node_impl.h"
#include "text.h"

enum {
	POLL_MS = 3000,
	AUTO_MS = 10000,
	LINK_MS = 5000		/* a link that is being made may take so long */
};

enum step { STEP_REQUEST, STEP_POLL, STEP_COMPLETE };

/* One errand to a broker. */
struct errand {
	struct joins   *joins;
	enum step	step;
	char	       *where;		/* HOST:PORT as given */
	json_t	       *params;
	struct token	token;
	char		broker_key[128];
	struct session *session;
	bool		asked;		/* hello was answered */
	bool		told;		/* done was called */
	bool		distrust;	/* of the key that was shown */
	node_done      *done;
	void	       *arg;
	struct errand  *next;
};

struct joins {
	struct node   *n;
	struct errand *errands;
	json_t	      *open;		/* this node's request, as on disk */
	struct leaving *leaving;	/* wait for the link */
	mono	       poll_at, auto_at;
	bool	       closing;
};

/* ---- the open request on disk ---- */

static int
on_open_request(const struct row *r, void *arg)
{
	*(json_t **)arg = json_loads(row_text(r, 0), 0, NULL);
	return 1;
}

static void
open_store(struct joins *j)
{
	struct batch *b = batch_new();
	char *text;

	if (j->open == NULL)
		batch_add(b, S_META_DEL, "t", "join");
	else {
		text = js_dump(j->open);
		batch_add(b, S_META_SET, "tt", "join", text);
		free(text);
	}
	store_submit(j->n->store, b, NULL, NULL);
}

json_t *
node_join_state(const struct node *n)
{
	return n->joins != NULL && n->joins->open != NULL
	    ? json_deep_copy(n->joins->open) : json_null();
}

/* ---- errands ---- */

static void
tell(struct errand *e, json_t *result, const struct err *err)
{
	if (e->told)
		return;
	e->told = true;
	if (e->done != NULL)
		e->done(e->arg, result, err);
}

static void
errand_free(struct errand *e)
{
	struct errand **link = &e->joins->errands;

	while (*link != NULL && *link != e)
		link = &(*link)->next;
	if (*link == e)
		*link = e->next;
	free(e->where);
	json_decref(e->params);
	explicit_bzero(&e->token, sizeof(e->token));
	free(e);
}

static void
say(struct errand *e, int id, const char *method, json_t *params)
{
	json_t *doc = json_pack("{s:s,s:i,s:s,s:o}", "jsonrpc", "2.0", "id",
	    id, "method", method, "params", params);

	(void)session_send(e->session, doc);
	json_decref(doc);
}

static void
took_request(struct errand *e, const json_t *result)
{
	struct joins *j = e->joins;
	json_t *open = json_deep_copy(result);

	(void)json_object_set_new(open, "host", js_text(e->where));
	(void)json_object_set_new(open, "broker_key", js_text(e->broker_key));
	(void)json_object_set(open, "as", json_object_get(e->params, "as"));
	(void)json_object_set(open, "name", json_object_get(e->params, "name"));
	json_decref(j->open);
	j->open = open;
	open_store(j);
	tell(e, open, NULL);
}

static void
took_poll(struct errand *e, const json_t *result)
{
	struct joins *j = e->joins;
	const char *state = js_str(result, "state", "none");

	if (j->open != NULL &&
	    strcmp(js_str(j->open, "state", ""), state) != 0) {
		log_info("join", "the request to %s is %s now%s%s", e->where,
		    state, js_str(result, "reason", NULL) != NULL ? ": " : "",
		    js_str(result, "reason", ""));
		(void)json_object_set(j->open, "state",
		    json_object_get(result, "state"));
		(void)json_object_set(j->open, "reason",
		    json_object_get(result, "reason"));
		open_store(j);
	}
	tell(e, (json_t *)result, NULL);
}

static void
took_complete(struct errand *e, const json_t *result)
{
	struct membership m = { .joined = true };
	struct joins *j = e->joins;
	struct err err;
	json_t *doc;

	(void)MEM_STR(m.cluster_id, js_str(result, "cluster_id", ""));
	(void)MEM_STR(m.cluster, js_str(result, "cluster", ""));
	(void)MEM_STR(m.name, js_str(result, "name", ""));
	(void)MEM_STR(m.broker, js_str(result, "broker", ""));
	(void)MEM_STR(m.broker_key, e->broker_key);
	m.worker = strcmp(js_str(result, "as", "agent"), "worker") == 0;
	strs_add(&m.hosts, e->where);
	doc = json_pack("{s:s,s:s,s:s,s:s}", "cluster", m.cluster, "name",
	    m.name, "as", m.worker ? "worker" : "agent", "broker", m.broker);
	if (node_enrol(j->n, &m, &err) == -1)
		tell(e, NULL, &err);
	else {
		json_decref(j->open);
		j->open = NULL;
		tell(e, doc, NULL);
	}
	membership_clear(&m);
	json_decref(doc);
}

static void
on_result(struct errand *e, const json_t *result)
{
	static const char *const methods[] = { [STEP_REQUEST] = "join.request",
		[STEP_POLL] = "join.poll", [STEP_COMPLETE] = "join.complete" };

	if (!e->asked) {
		e->asked = true;
		say(e, 2, methods[e->step], json_incref(e->params));
		return;
	}
	switch (e->step) {
	case STEP_REQUEST:
		took_request(e, result);
		break;
	case STEP_POLL:
		took_poll(e, result);
		break;
	case STEP_COMPLETE:
		took_complete(e, result);
		break;
	}
	session_close(e->session, true, "");
}

static void
on_message(struct session *s, json_t *msg, void *ctx)
{
	struct errand *e = ctx;
	const json_t *error = json_object_get(msg, "error");
	struct err err;

	e->joins->n->now = clock_now();
	if (error == NULL) {
		if (json_object_get(msg, "result") != NULL)
			on_result(e, json_object_get(msg, "result"));
		return;
	}
	(void)err_set(&err, err_of_word(js_str(json_object_get(error, "data"),
	    "code", "")), "%s", js_str(error, "message", "refused"));
	tell(e, NULL, &err);
	session_close(s, true, "");
}

static void
on_open(struct session *s, void *ctx)
{
	struct errand *e = ctx;

	e->session = s;
	say(e, 1, "hello", json_pack("{s:s,s:s,s:i,s:s}", "client", "musterd",
	    "version", MUSTER_VERSION, "protocol", 1, "purpose", "join"));
}

static void
on_closed(struct session *s, const char *why, void *ctx)
{
	struct errand *e = ctx;
	struct err err;

	(void)s;
	(void)err_set(&err, e->distrust ? ERR_FAILED : ERR_CONNECT, "%s: %s",
	    e->where,
	    why[0] != '\0' ? why : "the broker closed the connection");
	tell(e, NULL, &err);
	errand_free(e);
}

static const struct session_ops errand_ops = {
	.open = on_open,
	.message = on_message,
	.closed = on_closed,
};

/* A request goes to whoever answers: what proves the broker is the token that
 * comes back to this node by another way.  Completing, only the broker that
 * the token names is told anything. */
static bool
trust(void *ctx, const char *pub, const char *fingerprint, struct err *why)
{
	struct errand *e = ctx;
	unsigned char digest[32];
	const char *asked;

	(void)MEM_STR(e->broker_key, pub);
	if (e->step == STEP_COMPLETE) {
		if (key_digest(pub, digest, why) == 0 &&
		    token_is_for(&e->token, digest))
			return true;
		e->distrust = true;
		(void)err_set(why, ERR_DENIED, "STOP: the key of %s (%s) is "
		    "not the one in the token: a token of another broker, the "
		    "wrong machine, or someone in between", e->where,
		    fingerprint);
		return false;
	}
	asked = js_str(e->joins->open, "broker_key", NULL);
	if (e->step == STEP_POLL && asked != NULL && strcmp(asked, pub) != 0) {
		(void)err_set(why, ERR_DENIED, "%s has another key now (%s): "
		    "ask again (muster join request)", e->where, fingerprint);
		return false;
	}
	return true;
}

static void
go(struct node *n, enum step step, const char *where, json_t *params,
    const struct token *t, node_done *done, void *arg)
{
	struct errand *e = mem_zero(1, sizeof(*e));
	struct dial d = { .key = n->key, .trust = trust };
	char host[TEXT_HOST];
	int port = 7422;
	struct err err;

	e->joins = n->joins;
	e->step = step;
	e->params = params;
	e->done = done;
	e->arg = arg;
	if (t != NULL)
		e->token = *t;
	e->next = n->joins->errands;
	n->joins->errands = e;
	if (text_host(where, host, &port, &err) == -1) {
		tell(e, NULL, &err);
		errand_free(e);
		return;
	}
	if (port == 0)
		port = 7422;
	e->where = mem_fmt(strchr(host, ':') != NULL ? "[%s]:%d" : "%s:%d",
	    host, port);
	if (step == STEP_REQUEST)
		(void)json_object_set_new(params, "via", js_text(e->where));
	d.host = host;
	d.port = port;
	e->session = dial_start(n->loop, &d, &errand_ops, e);
}

/* ---- the verbs ---- */

static int
check_free(const struct node *n, struct err *e)
{
	if (n->member.joined)
		return err_set(e, ERR_FAILED, "%s is a member of %s already: "
		    "muster leave first", n->member.name, n->member.cluster);
	if (n->cfg->broker)
		return err_set(e, ERR_FAILED, "%s is a broker and cannot join "
		    "another: broker: { enabled = false; } in its "
		    "musterd.conf first", n->cfg->name);
	return 0;
}

static json_t *
join_params(const struct node *n, const struct node_join *nj)
{
	return json_pack("{s:o,s:s,s:o,s:s}", "name",
	    js_text(nj->name != NULL ? nj->name : n->cfg->name), "as",
	    nj->as != NULL ? nj->as : "agent", "message",
	    js_text(nj->message != NULL ? nj->message : ""), "version",
	    MUSTER_VERSION);
}

void
node_join_request(struct node *n, const struct node_join *nj, node_done *done,
    void *arg)
{
	struct err e;

	if (check_free(n, &e) == -1) {
		done(arg, NULL, &e);
		return;
	}
	go(n, STEP_REQUEST, nj->host, join_params(n, nj), NULL, done, arg);
}

void
node_join_complete(struct node *n, const struct node_join *nj,
    node_done *done, void *arg)
{
	struct token t;
	struct err e;
	json_t *params;

	if (check_free(n, &e) == -1 ||
	    token_parse(nj->token != NULL ? nj->token : "", &t, &e) == -1) {
		done(arg, NULL, &e);
		return;
	}
	params = join_params(n, nj);
	(void)json_object_set_new(params, "token", js_text(nj->token));
	/* The name that was asked for and accepted, unless another is given. */
	if (nj->name == NULL && t.kind == TOKEN_REQUEST) {
		const char *asked = js_str(n->joins->open, "name", NULL);

		if (asked != NULL)
			(void)json_object_set_new(params, "name",
			    js_text(asked));
	}
	go(n, STEP_COMPLETE, nj->host, params, &t, done, arg);
	explicit_bzero(&t, sizeof(t));
}

struct leaving {
	struct node    *n;
	char	       *reason;
	mono		until;
	node_done      *done;
	void	       *arg;
	struct leaving *next;
};

static void
leaving_free(struct leaving *l)
{
	free(l->reason);
	free(l);
}

static void
left(struct leaving *l, bool told, const char *trouble)
{
	struct node *n = l->n;
	char *cluster = mem_dup(n->member.cluster), *remains = NULL;
	json_t *doc;
	struct err e;

	if (!told)
		remains = mem_fmt("the broker %s was not reached (%s): there, "
		    "muster agent remove %s", n->member.broker, trouble,
		    n->member.name);
	if (node_unenrol(n, &e) == -1)
		l->done(l->arg, NULL, &e);
	else {
		doc = json_pack("{s:s,s:s,s:o}", "left", cluster, "mode",
		    node_mode_word(n), "remains", js_text(remains));
		l->done(l->arg, doc, NULL);
		json_decref(doc);
	}
	free(cluster);
	free(remains);
}

static void
on_left(void *arg, const json_t *result, const struct err *e)
{
	struct leaving *l = arg;

	if (l->n->member.joined)
		left(l, result != NULL, e != NULL ? e->msg : "");
	else				/* the broker's word came first */
		l->done(l->arg, json_null(), NULL);
	leaving_free(l);
}

/* Who has just joined has no link yet, and the broker should hear of it. */
static bool
link_is_on_its_way(const struct leaving *l)
{
	return seat_trouble(l->n->away)[0] == '\0' &&
	    l->n->now.mono.us < l->until.us;
}

static void
leave(struct leaving *l)
{
	struct seat *away = l->n->away;

	if (seat_up(away)) {
		seat_ask(away, "link.leave", json_pack("{s:o}", "reason",
		    js_text(l->reason)), on_left, l);
		return;
	}
	left(l, false, seat_trouble(away)[0] != '\0' ? seat_trouble(away)
	    : "no answer yet");
	leaving_free(l);
}

static mono
leaving_turn(struct joins *j)
{
	mono next = MONO_NEVER;
	struct leaving *l, *tmp;

	LL_FOREACH_SAFE(j->leaving, l, tmp) {
		if (l->n->away == NULL) {	/* another one was first */
			LL_DELETE(j->leaving, l);
			l->done(l->arg, json_null(), NULL);
			leaving_free(l);
		} else if (seat_up(l->n->away) || !link_is_on_its_way(l)) {
			LL_DELETE(j->leaving, l);
			leave(l);
		} else
			next = mono_min(next, l->until);
	}
	return next;
}

void
node_leave(struct node *n, const char *reason, node_done *done, void *arg)
{
	struct leaving *l;
	struct err e;

	if (n->away == NULL) {
		(void)err_set(&e, ERR_FAILED, "%s belongs to no cluster%s",
		    n->cfg->name, n->cfg->broker ? ": it is a broker" : "");
		done(arg, NULL, &e);
		return;
	}
	l = mem_zero(1, sizeof(*l));
	l->n = n;
	l->reason = reason != NULL ? mem_dup(reason) : NULL;
	l->until = mono_add_ms(n->now.mono, LINK_MS);
	l->done = done;
	l->arg = arg;
	LL_APPEND(n->joins->leaving, l);
	(void)leaving_turn(n->joins);
}

/* ---- unattended, and waiting ---- */

static void
quietly(void *arg, json_t *result, const struct err *e)
{
	struct joins *j = arg;

	if (result == NULL && !j->closing)
		log_warn("join", "%s", e->msg);
}

/* The token that somebody put there, 0600; NULL when it is not there yet. */
static char *
read_token(const char *path)
{
	char text[TOKEN_TEXT + 2] = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	ssize_t n;

	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == -1 || (st.st_mode & 077) != 0) {
		log_warn("join", "%s: must not be readable by others (chmod "
		    "600)", path);
		(void)close(fd);
		return NULL;
	}
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return NULL;
	text[strcspn(text, "\r\n")] = '\0';
	return mem_dup(text);
}

/* agent.broker, agent.join_as, agent.message, agent.token_file. */
static void
unattended(struct joins *j)
{
	const struct config *cfg = j->n->cfg;
	struct node_join nj = { .host = cfg->join_brokers.v[0],
		.as = cfg->join_as == CONFIG_JOIN_WORKER ? "worker" : "agent",
		.message = cfg->message };
	char *token = cfg->token_file != NULL ? read_token(cfg->token_file)
					      : NULL;

	if (token != NULL) {
		nj.token = token;
		node_join_complete(j->n, &nj, quietly, j);
		explicit_bzero(token, strlen(token));
		free(token);
	} else if (j->open == NULL)
		node_join_request(j->n, &nj, quietly, j);
}

mono
joins_turn(struct node *n, struct now now)
{
	struct joins *j = n->joins;
	const char *state = js_str(j->open, "state", "");
	mono next = leaving_turn(j);

	if (n->member.joined || n->cfg->broker)
		return next;
	if (strcmp(state, "pending") == 0 || strcmp(state, "accepted") == 0) {
		if (j->poll_at.us <= now.mono.us) {
			j->poll_at = mono_add_ms(now.mono, POLL_MS);
			go(n, STEP_POLL, js_str(j->open, "host", ""),
			    json_object(), NULL, quietly, j);
		}
		next = mono_min(next, j->poll_at);
	}
	if (n->cfg->join_brokers.n > 0) {
		if (j->auto_at.us <= now.mono.us) {
			j->auto_at = mono_add_ms(now.mono, AUTO_MS);
			unattended(j);
		}
		next = mono_min(next, j->auto_at);
	}
	return next;
}

struct joins *
joins_new(struct node *n)
{
	struct joins *j = mem_zero(1, sizeof(*j));

	j->n = n;
	(void)store_query(n->store, S_META_GET, on_open_request, &j->open, "t",
	    "join");
	return j;
}

/* The loop has ended: no session of an errand is left. */
void
joins_free(struct joins *j)
{
	struct leaving *l, *tmp;

	if (j == NULL)
		return;
	while (j->errands != NULL)
		errand_free(j->errands);
	LL_FOREACH_SAFE(j->leaving, l, tmp)
		leaving_free(l);
	json_decref(j->open);
	free(j);
}
