#include "broker/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "mem.h"
#include "text.h"

struct role_agent *
roster_agent(const struct roster *r, const struct member *m)
{
	return &r->agents[m->at];
}

/* Through the array: whoever supposes something puts a copy there. */
struct member *
roster_by_key(const struct roster *r, const char *pub)
{
	struct member *m;

	HASH_FIND(keyed, r->keys, pub, strlen(pub), m);
	return m != NULL ? r->members[m->at] : NULL;
}

struct member *
roster_by_name(const struct roster *r, const char *name)
{
	struct member *m;

	HASH_FIND(named, r->names, name, strlen(name), m);
	return m != NULL ? r->members[m->at] : NULL;
}

struct member *
roster_by_id(const struct roster *r, int64_t id)
{
	size_t lo = 0, hi = r->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->members[mid]->id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->n && r->members[lo]->id == id ? r->members[lo] : NULL;
}

void
roster_rename(struct roster *r, struct member *m, const char *name)
{
	if (m->name[0] != '\0')
		HASH_DELETE(named, r->names, m);
	(void)MEM_STR(m->name, name);
	if (m->name[0] != '\0')
		HASH_ADD_KEYPTR(named, r->names, m->name, strlen(m->name), m);
}

int
roster_leaving(const struct broker *b, const struct member *m, struct err *e)
{
	return err_set(e, ERR_BUSY, "%s is just leaving %s: try again",
	    m->name, b->set.cluster_name);
}

struct member *
roster_find(const struct broker *b, const char *name, struct err *e)
{
	const struct roster *r = b->roster;
	struct member *m = roster_by_name(r, name);
	const char **names, *near;
	size_t n = 0;

	if (m != NULL && member_active(m))
		return m;
	if (m != NULL && m->going > 0) {
		(void)roster_leaving(b, m, e);
		return NULL;
	}
	names = mem_zero(r->n + 1, sizeof(*names));
	for (size_t i = 0; i < r->n; i++)
		if (member_active(r->members[i]))
			names[n++] = r->members[i]->name;
	near = text_nearest(name, names, n);
	if (near != NULL)
		(void)err_set(e, ERR_NOTFOUND,
		    "agent \"%s\": there is none of this name; did you mean "
		    "\"%s\"?", name, near);
	else
		(void)err_set(e, ERR_NOTFOUND,
		    "agent \"%s\": there is none of this name (muster agent "
		    "list)", name);
	free(names);
	return NULL;
}

/* ---- members in memory and on disk ---- */

static struct member *
member_new(struct broker *b, struct roster *r)
{
	struct member *m = mem_zero(1, sizeof(*m));
	size_t cap = 64;		/* grows to an hour while it is heard */

	r->members = mem_grow(r->members, (r->n + 1) * sizeof(*r->members));
	r->agents = mem_grow(r->agents, (r->n + 1) * sizeof(*r->agents));
	memset(&r->agents[r->n], 0, sizeof(r->agents[r->n]));
	m->at = r->n;
	r->members[r->n++] = m;
	m->accepts = true;
	r->look_at = (mono){ 0 };
	m->known_from = m->offline_from = b->now.mono;
	health_init(&m->health, b->now);
	series_init(&m->series, mem_zero(cap, sizeof(struct sample)), cap);
	return m;
}

static int
on_member(const struct row *row, void *arg)
{
	struct broker *b = arg;
	struct roster *r = b->roster;
	struct member *m = member_new(b, r);
	struct role_agent *a = roster_agent(r, m);

	m->id = row_int(row, 0);
	roster_rename(r, m, row_text(row, 1));
	if (key_parse(row_text(row, 2), m->key, m->fingerprint, NULL) == 0)
		HASH_ADD_KEYPTR(keyed, r->keys, m->key, strlen(m->key), m);
	m->worker = strcmp(row_text(row, 3), "worker") == 0;
	(void)MEM_STR(m->state, row_text(row, 4));
	a->priority = (int)row_int(row, 5);
	if (row_text(row, 6) != NULL)
		m->labels = json_loads(row_text(row, 6), 0, NULL);
	if (row_text(row, 7) != NULL)
		m->addresses = json_loads(row_text(row, 7), 0, NULL);
	m->offline_ok = row_int(row, 8) != 0;
	m->drained = a->drained = row_int(row, 9) != 0;
	a->marks.held_off = row_int(row, 10) != 0;
	a->marks.want_off = row_int(row, 11) != 0;
	m->floor = row_int(row, 12);
	m->joined.ms = row_int(row, 13);
	(void)MEM_STR(m->version, row_text(row, 15) != NULL ? row_text(row, 15)
							    : "");
	(void)MEM_STR(m->address, row_text(row, 16) != NULL ? row_text(row, 16)
							    : "");
	a->id = m->id;
	a->name = m->name;
	a->worker = m->worker;
	if (m->id >= r->next_id)
		r->next_id = m->id + 1;
	return 0;
}

struct roster *
roster_load(struct broker *b, struct err *e)
{
	b->roster = mem_zero(1, sizeof(*b->roster));
	b->roster->next_id = 1;
	health_policy_init(&b->roster->health);
	if (store_query(b->store, S_MEMBER_ALL, on_member, b, "") == -1) {
		(void)err_set(e, ERR_IO, "store: members are not readable");
		return NULL;
	}
	if (roster_settings(b, e) == -1)
		return NULL;
	return b->roster;
}

void
roster_free(struct roster *r)
{
	if (r == NULL)
		return;
	HASH_CLEAR(named, r->names);
	HASH_CLEAR(keyed, r->keys);
	for (size_t i = 0; i < r->n; i++) {
		json_decref(r->members[i]->labels);
		json_decref(r->members[i]->addresses);
		free(r->members[i]->series.ring);
		free(r->members[i]);
	}
	free(r->members);
	free(r->agents);
	health_policy_free(&r->health);
	cond_free(r->switch_cond);
	cond_free(r->filter_cond);
	free(r);
}

int
roster_settings(struct broker *b, struct err *e)
{
	struct roster *r = b->roster;
	struct cond *sw = NULL, *filter = NULL;

	if (cond_parse(b->set.switch_condition, COND_STATE, &sw, e) == -1 ||
	    cond_parse(b->set.filter_condition, COND_STATE, &filter, e) == -1) {
		cond_free(sw);
		return -1;
	}
	cond_free(r->switch_cond);
	cond_free(r->filter_cond);
	r->switch_cond = sw;
	r->filter_cond = filter;
	r->health.worsen_after_ms = b->set.worsen_after;
	r->health.improve_after_ms = b->set.improve_after;
	r->health.sample_interval_ms = b->set.sample_interval;
	r->look_at = (mono){ 0 };
	for (size_t i = 0; i < r->n; i++)
		roster_tell(b, r->members[i]);
	return 0;
}

void
roster_drained(struct roster *r, const struct member *m)
{
	roster_agent(r, m)->drained = m->drained || m->going > 0;
}

static void
store(const struct broker *b, const struct member *m, struct batch *batch)
{
	const struct role_agent *a = roster_agent(b->roster, m);
	char *labels = m->labels != NULL ? js_dump(m->labels) : NULL;
	char *addrs = m->addresses != NULL ? js_dump(m->addresses) : NULL;

	batch_add(batch, S_MEMBER_PUT, "ittttittiiiiiiitt", m->id, m->name,
	    m->key, m->worker ? "worker" : "agent", m->state,
	    (int64_t)a->priority, labels, addrs, (int64_t)m->offline_ok,
	    (int64_t)m->drained, (int64_t)a->marks.held_off,
	    (int64_t)a->marks.want_off, m->floor, m->joined.ms,
	    b->now.wall.ms, m->version, m->address);
	free(labels);
	free(addrs);
}

struct member *
roster_admit(struct broker *b, const char *name, const char *pub,
    const char *fingerprint, bool worker, struct batch *batch,
    struct roster_was *was)
{
	struct member *other = roster_by_name(b->roster, name);
	struct member *m = roster_by_key(b->roster, pub);
	struct roster_was none;
	struct role_agent *a;
	char past[64];

	if (was == NULL)
		was = &none;
	*was = (struct roster_was){ 0 };
	if (m != NULL) {
		(void)MEM_STR(was->name, m->name);
		(void)MEM_STR(was->state, m->state);
		was->worker = m->worker;
		was->drained = m->drained;
		was->marks = roster_agent(b->roster, m)->marks;
		was->joined = m->joined;
	}
	/* A removed node's name is free again; its row keeps the record. */
	if (other != NULL && other != m && !member_active(other)) {
		(void)snprintf(past, sizeof(past), "%.40s~%lld", name,
		    (long long)other->id);
		roster_rename(b->roster, other, past);
		store(b, other, batch);
		was->other = other->id;
	}
	if (m == NULL) {
		m = member_new(b, b->roster);
		m->id = b->roster->next_id++;
		(void)MEM_STR(m->key, pub);
		(void)MEM_STR(m->fingerprint, fingerprint);
		HASH_ADD_KEYPTR(keyed, b->roster->keys, m->key, strlen(m->key),
		    m);
	}
	was->member = m->id;
	roster_rename(b->roster, m, name);
	(void)MEM_STR(m->state, "member");
	m->worker = worker;
	m->joined = b->now.wall;
	a = roster_agent(b->roster, m);
	a->id = m->id;
	a->name = m->name;
	a->worker = worker;
	m->drained = false;
	roster_drained(b->roster, m);
	a->marks = (struct role_marks){ 0 };
	store(b, m, batch);
	return m;
}

void
roster_admit_undo(struct broker *b, const struct roster_was *was)
{
	struct member *m = roster_by_id(b->roster, was->member);
	struct member *other = roster_by_id(b->roster, was->other);
	char name[64];

	(void)MEM_STR(name, m->name);
	roster_rename(b->roster, m, was->name);
	(void)MEM_STR(m->state, was->state[0] != '\0' ? was->state : "left");
	m->worker = was->worker;
	roster_agent(b->roster, m)->worker = was->worker;
	roster_agent(b->roster, m)->marks = was->marks;
	m->drained = was->drained;
	m->joined = was->joined;
	roster_drained(b->roster, m);
	if (other != NULL)
		roster_rename(b->roster, other, name);
}

void
roster_set_state(struct broker *b, struct member *m, const char *state,
    struct batch *batch)
{
	(void)b;
	(void)MEM_STR(m->state, state);
	batch_add(batch, S_MEMBER_STATE, "it", m->id, state);
}

/* ---- what they are told ---- */

int
roster_send(const struct member *m, const char *method, json_t *params)
{
	json_t *doc;
	int rc;

	if (m->session == NULL) {
		json_decref(params);
		return -1;
	}
	doc = js_note(method, params);
	rc = session_send(m->session, doc);
	json_decref(doc);
	return rc;
}

json_t *
roster_link_settings(const struct broker *b, const struct member *m)
{
	return json_pack("{s:s,s:s,s:s,s:O?,s:O?,s:I,s:I,s:I,s:b,s:I}",
	    "cluster_name", b->set.cluster_name, "name", m->name, "control",
	    b->set.control_status ? control_word(b->set.control) : "off",
	    "hosts", m->addresses, "labels", m->labels, "heartbeat",
	    (json_int_t)b->set.heartbeat,
	    "sample_interval", (json_int_t)b->set.sample_interval, "lease",
	    (json_int_t)b->set.lease, "go_on",
	    b->set.on_broker_loss == BROKER_LOSS_CONTINUE, "max_skew",
	    (json_int_t)b->set.max_skew);
}

void
roster_tell(const struct broker *b, const struct member *m)
{
	(void)roster_send(m, "link.settings", roster_link_settings(b, m));
}

/* ---- statistics ---- */

double
roster_latency(const struct member *m)
{
	double worst = 0;

	for (size_t i = 0; i < ROSTER_LATENCIES; i++)
		if (m->latency[i] > worst)
			worst = m->latency[i];
	return worst;
}

double
roster_uptime(const struct broker *b, const struct member *m)
{
	int64_t known = mono_diff_ms(b->now.mono, m->known_from);
	int64_t off = m->offline_ms;

	if (m->offline_from.us != 0)
		off += mono_diff_ms(b->now.mono, m->offline_from);
	if (known <= 0)
		return 100;
	return 100.0 * (double)(known - (off < known ? off : known)) /
	    (double)known;
}
