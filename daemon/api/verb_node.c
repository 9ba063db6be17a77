/* The node's own verbs: status, key show and reset, backup. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/call.h"
#include "broker/roster.h"
#include "broker/scheduler.h"
#include "copy.h"
#include "js.h"
#include "mem.h"

void
do_status(struct call *c)
{
	json_t *doc = node_status(c->api->node, c->b->now);

	/* A member of a cluster elsewhere says what that broker told it. */
	if (node_away(c->api->node) == NULL)
		(void)json_object_set_new(doc, "control", json_string(
		    c->b->set.control_status
		        ? control_word(c->b->set.control) : "off"));
	/* A dedicated broker has no lease of its own: the cluster's epoch. */
	if (node_seat(c->api->node) == NULL) {
		(void)json_object_set_new(doc, "cluster",
		    json_string(c->b->set.cluster_name));
		(void)json_object_set_new(doc, "epoch",
		    json_integer(scheduler_epoch(c->b)));
	}
	if (c->b->awake && c->b->open)
		(void)json_object_set_new(doc, "scheduler",
		    scheduler_json(c->b));
	(void)json_object_set_new(doc, "alerts", alert_list(c->b->events));
	call_done(c, doc);
}

void
do_key_show(struct call *c)
{
	const struct key *key = node_key(c->api->node);

	call_done(c, json_pack("{s:s,s:s,s:s}", "node",
	    node_name(c->api->node), "fingerprint", key->fingerprint, "key",
	    key->pub));
}

/* What makes a copied machine the same node: the key, and what the store says
 * of who it is.  Its own jobs and its history stay; the runs of the original
 * are not its to start. */
void
do_key_reset(struct call *c)
{
	static const char *const facts[] = { "membership", "join",
		"cluster_id" };
	struct broker *b = c->api->b;
	const struct member *own = roster_by_key(b->roster, b->key->pub);
	struct batch *batch;
	struct err e;

	if (b->open) {
		call_failed(c, ERR_FAILED, "%s is a broker: its agents trust "
		    "its key; on a copy of it, broker: { enabled = false; } in "
		    "musterd.conf first", b->node);
		return;
	}
	batch = batch_new();
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		batch_add(batch, S_META_DEL, "t", facts[i]);
	if (own != NULL)
		batch_add(batch, S_MEMBER_DEL, "i", own->id);
	batch_add(batch, S_ROLE_DEL, "");
	batch_add(batch, S_JOURNAL_CLEAR, "");
	batch_add(batch, S_SPOOL_CLEAR, "");
	if (store_write(b->store, batch) != STORE_OK) {
		call_failed(c, ERR_IO, "key reset: nothing was changed: the "
		    "store takes no writes: free disk space, then try again");
		return;
	}
	if (unlink(c->api->files.key) == -1 && errno != ENOENT) {
		(void)err_sys(&e, "%s", c->api->files.key);
		call_fail(c, &e);
		return;
	}
	call_done(c, json_pack("{s:s}", "message", "the key is gone: start "
	    "musterd again now (systemctl restart musterd); it makes a new "
	    "one and is a standalone node of its own"));
}

/* ---- backup ---- */

/* A new directory with store, host key and configuration.  The copying is done
 * in a thread: a store may be large and a disk slow. */
struct backup {
	uv_work_t     work;
	struct call  *call;		/* NULL: the daemon ends */
	struct store *store;
	char	     *dir, *store_name, *key, *config;
	struct err    e;
	bool	      failed;
};

static const char *
base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* Into the directory under its own name. */
static int
copy_into(const char *from, const char *dir, struct err *e)
{
	char *to = mem_fmt("%s/%s", dir, base(from));
	int rc = copy_file(from, to, "backup", e);

	free(to);
	return rc;
}

static void
undo(const char *dir, const char *name)
{
	char *path = mem_fmt("%s/%s", dir, name);

	(void)unlink(path);
	free(path);
}

static void
backup_work(uv_work_t *w)
{
	struct backup *k = w->data;
	char *path = mem_fmt("%s/%s", k->dir, k->store_name);
	int fd;

	k->failed = true;
	if (mkdir(k->dir, 0700) == -1) {
		if (errno == EEXIST)
			(void)err_set(&k->e, ERR_FAILED, "backup %s: it exists "
			    "already: name a new directory", k->dir);
		else
			(void)err_sys(&k->e, "backup %s", k->dir);
		free(path);
		return;
	}
	if (store_backup(k->store, path, &k->e) == 0 &&
	    copy_into(k->key, k->dir, &k->e) == 0 &&
	    (k->config == NULL || copy_into(k->config, k->dir, &k->e) == 0))
		k->failed = false;
	if (k->failed) {		/* complete or not there */
		undo(k->dir, k->store_name);
		undo(k->dir, base(k->key));
		if (k->config != NULL)
			undo(k->dir, base(k->config));
		(void)rmdir(k->dir);
	} else if ((fd = open(k->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) !=
	    -1) {
		(void)fsync(fd);
		(void)close(fd);
	}
	free(path);
}

static void
backup_done(uv_work_t *w, int status)
{
	struct backup *k = w->data;
	struct call *c = k->call;

	(void)status;
	if (c != NULL) {
		c->b->now = c->b->clock();
		if (k->failed)
			call_fail(c, &k->e);
		else
			call_told(c, json_pack("{s:s}", "path", k->dir),
			    "%s holds store, host key and configuration: keep "
			    "it secret, it is this node's identity", k->dir);
	}
	free(k->dir);
	free(k->store_name);
	free(k->key);
	free(k->config);
	free(k);
}

static void
backup_cancel(struct call *c)
{
	struct backup *k = c->state;

	if (!c->api->closing)
		return;			/* it is finished all the same */
	k->call = NULL;
	call_drop(c);
}

void
do_backup(struct call *c)
{
	const char *dir = call_str(c, "path");
	struct backup *k;
	char *path;

	if (dir[0] != '/') {
		call_failed(c, ERR_USAGE, "backup %s: a path on the daemon's "
		    "machine starts with /", dir);
		return;
	}
	k = mem_zero(1, sizeof(*k));
	k->work.data = k;
	k->call = c;
	k->store = c->b->store;
	k->dir = mem_dup(dir);
	path = config_store_path(node_config(c->api->node));
	k->store_name = mem_dup(base(path));
	free(path);
	k->key = mem_dup(c->api->files.key);
	k->config = mem_dup(c->api->files.config);
	c->state = k;
	c->cancel = backup_cancel;
	if (uv_queue_work(c->api->loop, &k->work, backup_work, backup_done) !=
	    0) {
		(void)err_set(&k->e, ERR_BUSY, "backup: no thread to do it: "
		    "try again");
		k->failed = true;
		backup_done(&k->work, 0);
	}
}
