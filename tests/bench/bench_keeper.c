/* Runs a second through the keeper against bare posix_spawn of /bin/true, the
 * same number outstanding, by turns in the same minute.  Prints one JSON line.
 * usage: bench_keeper [runs] [outstanding]     (MUSTER_BUILD as for tests) */
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/keeper.h"
#include "text.h"

enum { ROUNDS = 3 };

static const char *const argv_true[] = { "/bin/true", NULL };

static struct {
	uv_loop_t      loop;
	struct keeper *k;
	int64_t	       runs, window, asked, ended, bad;
	bool	       up;
} b;

static void
ask(void)
{
	char id[KEEPER_ID];
	struct keeper_start s = { .id = id, .argv = argv_true,
		.output_max = 1 << 16 };

	(void)snprintf(id, sizeof(id), "b%lld-%lld", (long long)clock_wall().ms,
	    (long long)b.asked++);
	b.bad += keeper_run(b.k, &s) == -1;
}

static void
on_report(void *ctx, const struct keeper_report *r)
{
	(void)ctx;
	if (r->state <= KEEPER_RUNNING)
		return;
	b.bad += r->state != KEEPER_EXITED || r->code != 0;
	b.ended++;
	(void)keeper_forget(b.k, r->id);
	if (b.asked < b.runs)
		ask();
}

static void
on_up(void *ctx, const char *start_id)
{
	(void)ctx;
	(void)start_id;
	b.up = true;
}

static void
on_down(void *ctx, const char *why)
{
	(void)ctx;
	(void)fprintf(stderr, "bench_keeper: %s\n", why);
	exit(1);
}

static double
keeper_rate(void)
{
	mono t = clock_mono();

	b.asked = b.ended = 0;
	while (b.asked < b.window)
		ask();
	while (b.ended < b.runs)
		(void)uv_run(&b.loop, UV_RUN_ONCE);
	return (double)b.runs * 1e6 / (double)(clock_mono().us - t.us);
}

static double
bare_rate(void)
{
	mono t = clock_mono();
	int64_t out = 0, done = 0;
	pid_t pid;

	while (done < b.runs) {
		for (; out - done < b.window && out < b.runs; out++)
			if (posix_spawn(&pid, "/bin/true", NULL, NULL,
			    (char *const *)(uintptr_t)argv_true, environ) != 0)
				exit(1);
		if (waitpid(-1, NULL, 0) > 0)
			done++;
	}
	return (double)b.runs * 1e6 / (double)(clock_mono().us - t.us);
}

static int
rm(const char *path, const struct stat *st, int flag, struct FTW *f)
{
	(void)st;
	(void)flag;
	(void)f;
	return remove(path);
}

static int
by_size(const void *a, const void *c)
{
	double x = *(const double *)a, y = *(const double *)c;

	return (x > y) - (x < y);
}

static double
median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_size);
	return v[ROUNDS / 2];
}

int
main(int argc, char **argv)
{
	static const struct keeper_ops ops = { on_report, on_up, on_down };
	const char *build = getenv("MUSTER_BUILD");
	double keeper[ROUNDS], bare[ROUNDS], ratio[ROUNDS], k, p;
	char dir[] = "/var/tmp/muster-bench-XXXXXX", beside[PATH_MAX];
	struct err e;

	b.runs = 3000;
	b.window = 16;
	if ((argc > 1 && text_int(argv[1], 100, 1000000, "runs", &b.runs,
	    &e) == -1) || (argc > 2 && text_int(argv[2], 1, 512, "outstanding",
	    &b.window, &e) == -1)) {
		(void)fprintf(stderr, "bench_keeper: %s\n", e.msg);
		return 2;
	}
	/* On a disk: /tmp may be memory, which flatters the keeper. */
	if (mkdtemp(dir) == NULL || uv_loop_init(&b.loop) != 0)
		return 1;
	(void)snprintf(beside, sizeof(beside), "%s/musterd",
	    build == NULL ? "build" : build);
	b.k = keeper_new(&b.loop, dir, beside, &ops, NULL);
	while (!b.up)
		(void)uv_run(&b.loop, UV_RUN_ONCE);
	for (int i = 0; i < ROUNDS; i++) {
		bare[i] = bare_rate();
		keeper[i] = keeper_rate();
		ratio[i] = keeper[i] / bare[i];
	}
	k = median(keeper);
	p = median(bare);
	(void)printf("{\"bench\":\"keeper\",\"runs\":%lld,\"outstanding\":%lld,"
	    "\"keeper_per_s\":%.0f,\"bare_spawn_per_s\":%.0f,"
	    "\"ratio\":%.2f,\"failed\":%lld,\"dir\":\"%s\"}\n",
	    (long long)b.runs, (long long)b.window, k, p, median(ratio),
	    (long long)b.bad, dir);
	/* Its keeper ends by itself, a minute after its last client. */
	(void)nftw(dir, rm, 16, FTW_DEPTH | FTW_PHYS);
	return b.bad == 0 ? 0 : 1;
}
