#include "restore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/restored.h"
#include "clock.h"
#include "copy.h"
#include "daemon.h"
#include "mem.h"
#include "net/key.h"
#include "node/member.h"
#include "store/store.h"

struct paths {
	char *store, *new_store;	/* …: complete, not yet in place */
	char *key, *new_key;
	char *from_store, *from_key;
};

static const char *
base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static void
paths_of(struct paths *p, const struct config *cfg, const char *backup)
{
	p->store = config_store_path(cfg);
	p->new_store = mem_fmt("%s.restoring", p->store);
	p->key = mem_fmt("%s/host_key", cfg->state_dir);
	p->new_key = mem_fmt("%s.restoring", p->key);
	p->from_store = mem_fmt("%s/%s", backup, base(p->store));
	p->from_key = mem_fmt("%s/host_key", backup);
}

static void
paths_clear(struct paths *p)
{
	free(p->store);
	free(p->new_store);
	free(p->key);
	free(p->new_key);
	free(p->from_store);
	free(p->from_key);
}

/* The files of a store. */
static const char *const tails[] = { "", "-wal", "-shm", "-journal" };
enum { TAILS = sizeof(tails) / sizeof(tails[0]) };

/* Half a restore, of an earlier try. */
static void
leftovers(const struct paths *p)
{
	(void)unlink(p->new_key);
	for (size_t i = 0; i < TAILS; i++) {
		char *path = mem_fmt("%s%s", p->new_store, tails[i]);

		(void)unlink(path);
		free(path);
	}
}

/* A log of another file would be played into the one that is put beside it,
 * and there is no telling them apart. */
static int
is_free(const struct paths *p, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < TAILS; i++) {
		char *path = mem_fmt("%s%s", p->store, tails[i]);

		if (access(path, F_OK) == 0 || errno != ENOENT)
			rc = err_set(e, ERR_FAILED, "restore: %s is there "
			    "already: move it aside first (%s and its -wal, "
			    "-shm and -journal belong together)", path, base(p->store));
		free(path);
	}
	return rc;
}

/* The mark is in the file itself, and not in a log that stays behind. */
static int
is_whole(const struct paths *p, struct err *e)
{
	char *wal = mem_fmt("%s-wal", p->new_store);
	int rc = 0;

	if (access(wal, F_OK) == 0 || errno != ENOENT)
		rc = err_set(e, ERR_IO, "restore: %s could not be written into "
		    "its file: free disk space, then restore again", wal);
	free(wal);
	return rc;
}

static int
same_key(const struct paths *p, struct err *e)
{
	struct key here = { 0 }, there = { 0 };
	int rc = -1, made;

	if (access(p->key, F_OK) == -1)
		return 0;
	if (key_load(&here, p->key, &made, e) == -1 ||
	    key_load(&there, p->new_key, &made, e) == -1)
		;
	else if (strcmp(here.pub, there.pub) != 0)
		(void)err_set(e, ERR_FAILED, "restore: %s is another node's "
		    "key than that of the backup: this state directory is in "
		    "use; name an empty one in node.state_dir", p->key);
	else
		rc = 0;
	key_clear(&here);
	key_clear(&there);
	return rc;
}

static int
on_newest(const struct row *r, void *arg)
{
	((wall *)arg)->ms = row_int(r, 1);
	return 1;
}

/* An agent of another cluster comes back as what it was: its broker knows what
 * happened since.  A broker has to say that it does not. */
static int
mark(const struct paths *p, struct err *e)
{
	char *url = mem_fmt("sqlite:%s", p->new_store), when[CLOCK_RFC3339];
	struct membership member;
	struct store *store;
	struct batch *batch;
	wall newest = clock_wall();
	int rc = store_open(&store, url, "restore", e);

	free(url);
	if (rc == -1)
		return -1;
	membership_load(&member, store);
	if (!member.joined) {
		(void)store_query(store, S_EVENT_LIST, on_newest, &newest, "ii",
		    INT64_MAX, (int64_t)1);
		batch = batch_new();
		batch_add(batch, S_META_SET, "tt", RESTORED_META,
		    clock_rfc3339(newest, when));
		batch_add(batch, S_SETTING_SET, "tt", "control", "manual");
		if (store_write(store, batch) != STORE_OK)
			rc = err_set(e, ERR_IO, "restore: %s takes no writes: "
			    "free disk space, then restore again",
			    p->new_store);
	}
	membership_clear(&member);
	store_close(store);
	return rc;
}

static int
put(const char *from, const char *to, struct err *e)
{
	return rename(from, to) == -1 ? err_sys(e, "restore %s", to) : 0;
}

int
restore_run(const struct config *cfg, const char *backup, struct err *e)
{
	struct paths p;
	int lock = daemon_lock(cfg, e), rc = -1;

	if (lock == -1)
		return -1;
	paths_of(&p, cfg, backup);
	leftovers(&p);
	if (is_free(&p, e) == 0 &&
	    copy_file(p.from_key, p.new_key, "restore", e) == 0 &&
	    same_key(&p, e) == 0 &&
	    copy_file(p.from_store, p.new_store, "restore", e) == 0 &&
	    mark(&p, e) == 0 && is_whole(&p, e) == 0 &&
	    put(p.new_key, p.key, e) == 0 &&
	    put(p.new_store, p.store, e) == 0)
		rc = 0;
	if (rc == -1)
		leftovers(&p);
	paths_clear(&p);
	(void)close(lock);
	return rc;
}
