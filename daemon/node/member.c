#include "node/member.h"

#include <stdlib.h>

#include "js.h"
#include "mem.h"

static int
on_value(const struct row *r, void *arg)
{
	struct membership *m = arg;
	json_t *o = json_loads(row_text(r, 0), 0, NULL), *v;
	size_t i;

	if (o == NULL)
		return 1;
	m->joined = true;
	(void)MEM_STR(m->cluster_id, js_str(o, "cluster_id", ""));
	(void)MEM_STR(m->cluster, js_str(o, "cluster", ""));
	(void)MEM_STR(m->name, js_str(o, "name", ""));
	(void)MEM_STR(m->broker, js_str(o, "broker", ""));
	(void)MEM_STR(m->broker_key, js_str(o, "broker_key", ""));
	m->worker = js_bool(o, "worker", false);
	json_array_foreach(json_object_get(o, "hosts"), i, v)
		strs_add(&m->hosts, json_string_value(v));
	json_decref(o);
	return 1;
}

void
membership_load(struct membership *m, struct store *store)
{
	*m = (struct membership){ 0 };
	(void)store_query(store, S_META_GET, on_value, m, "t", "membership");
}

int
membership_store(const struct membership *m, struct store *store, struct err *e)
{
	struct batch *b = batch_new();
	json_t *hosts = json_array(), *o;
	char *text;

	for (size_t i = 0; i < m->hosts.n; i++)
		(void)json_array_append_new(hosts, js_text(m->hosts.v[i]));
	o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:o}", "cluster_id",
	    m->cluster_id, "cluster", m->cluster, "name", m->name, "broker",
	    m->broker, "broker_key", m->broker_key, "worker", m->worker,
	    "hosts", hosts);
	text = js_dump(o);
	json_decref(o);
	batch_add(b, S_META_SET, "tt", "membership", text);
	batch_add(b, S_META_DEL, "t", "join");
	free(text);
	if (store_write(store, b) != STORE_OK)
		return err_set(e, ERR_IO, "the membership could not be stored: "
		    "free disk space, then join again");
	return 0;
}

int
membership_drop(struct membership *m, struct store *store, struct err *e)
{
	struct batch *b = batch_new();

	batch_add(b, S_META_DEL, "t", "membership");
	if (store_write(store, b) != STORE_OK)
		return err_set(e, ERR_IO, "leaving could not be stored: free "
		    "disk space, then try again");
	membership_clear(m);
	return 0;
}

void
membership_clear(struct membership *m)
{
	strs_clear(&m->hosts);
	*m = (struct membership){ 0 };
}
