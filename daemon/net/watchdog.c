#include "watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "mem.h"
#include "quarantine.h"

enum {
	TURN_MS = 250,
	PUMP_TURNS = 8,			/* 2 s in one pump: abort */
	LOOP_TURNS = 40,		/* 10 s without a turn: say so */
	BEAT_MS = 1000
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t	wake;
	pthread_t	thread;
	bool		running, stop;
	char	       *path;
	uv_timer_t	beat;
	/* Under the lock. */
	bool		inside;
	uint64_t	pump, beats;	/* serial numbers */
	char		fingerprint[64], addr[64];
} wd = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.wake = PTHREAD_COND_INITIALIZER
};

static _Noreturn void
bite(void)
{
	bool known = wd.fingerprint[0] != '\0';

	log_error("watchdog", "peer=%s key=%s the loop hung for 2 s in this "
	    "session; musterd aborts, the runs go on", wd.addr,
	    known ? wd.fingerprint : "(before login)");
	if (known && wd.path != NULL) {
		if (quarantine_add(wd.path, wd.fingerprint, wd.addr) == -1)
			log_error("watchdog", "%s: cannot be written: %s",
			    wd.path, strerror(errno));
		else
			log_error("watchdog", "key=%s is refused from now on; "
			    "to release it, take its line out of %s",
			    wd.fingerprint, wd.path);
	}
	abort();
}

static void
turn_end(struct timespec *t)
{
	(void)clock_gettime(CLOCK_MONOTONIC, t);
	t->tv_nsec += TURN_MS * 1000000L;
	if (t->tv_nsec >= 1000000000L) {
		t->tv_sec++;
		t->tv_nsec -= 1000000000L;
	}
}

static void *
watch(void *arg)
{
	uint64_t pump = 0, beats = 0;
	int pump_turns = 0, loop_turns = 0;
	struct timespec t;

	(void)arg;
	(void)pthread_mutex_lock(&wd.lock);
	while (!wd.stop) {
		turn_end(&t);
		(void)pthread_cond_clockwait(&wd.wake, &wd.lock,
		    CLOCK_MONOTONIC, &t);
		pump_turns = wd.inside && wd.pump == pump ? pump_turns + 1 : 0;
		pump = wd.pump;
		loop_turns = wd.beats == beats ? loop_turns + 1 : 0;
		beats = wd.beats;
		if (pump_turns >= PUMP_TURNS && !wd.stop)
			bite();
		if (loop_turns == LOOP_TURNS)
			log_warn("watchdog", "the loop has stood still for "
			    "10 s; is the machine overloaded?");
	}
	(void)pthread_mutex_unlock(&wd.lock);
	return NULL;
}

static void
on_beat(uv_timer_t *h)
{
	(void)h;
	(void)pthread_mutex_lock(&wd.lock);
	wd.beats++;
	(void)pthread_mutex_unlock(&wd.lock);
}

int
watchdog_start(uv_loop_t *loop, const char *quarantine, struct err *e)
{
	sigset_t all, old;
	int rc;

	if (wd.running)
		return err_set(e, ERR_FAILED, "watchdog: runs already");
	wd.path = mem_dup(quarantine);
	wd.stop = wd.inside = false;
	/* Signals belong to the loop's thread. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&wd.thread, NULL, watch, NULL);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0) {
		free(wd.path);
		wd.path = NULL;
		return err_set(e, ERR_IO, "watchdog: cannot start its thread: "
		    "%s", strerror(rc));
	}
	wd.running = true;
	(void)uv_timer_init(loop, &wd.beat);
	(void)uv_timer_start(&wd.beat, on_beat, 0, BEAT_MS);
	/* It must not keep a loop alive that has nothing else to do. */
	uv_unref((uv_handle_t *)&wd.beat);
	return 0;
}

void
watchdog_stop(void)
{
	if (!wd.running)
		return;
	(void)pthread_mutex_lock(&wd.lock);
	wd.stop = true;
	(void)pthread_cond_signal(&wd.wake);
	(void)pthread_mutex_unlock(&wd.lock);
	(void)pthread_join(wd.thread, NULL);
	wd.running = false;
	free(wd.path);
	wd.path = NULL;
	uv_close((uv_handle_t *)&wd.beat, NULL);
}

void
watchdog_enter(const struct peer *p)
{
	if (!wd.running)
		return;
	(void)pthread_mutex_lock(&wd.lock);
	wd.inside = true;
	wd.pump++;
	(void)MEM_STR(wd.fingerprint, p->fingerprint);
	(void)MEM_STR(wd.addr, p->addr);
	(void)pthread_mutex_unlock(&wd.lock);
}

void
watchdog_leave(void)
{
	if (!wd.running)
		return;
	(void)pthread_mutex_lock(&wd.lock);
	wd.inside = false;
	(void)pthread_mutex_unlock(&wd.lock);
}
