#include "node/sampler.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	TEXT_MAX = 32768,	/* a file of /proc: /proc/stat of a big machine
				 * has its sum in the first line */
	WATCH_MAX = 128		/* runs counted: each costs two small files */
};

/* Reads a file below the root; "" when there is none. */
static const char *
slurp(const struct sampler *s, char text[TEXT_MAX], const char *path)
{
	char full[512];
	size_t len = 0;
	ssize_t n = -1;
	int fd;

	text[0] = '\0';
	if ((size_t)snprintf(full, sizeof(full), "%s%s", s->root, path) >=
	    sizeof(full))
		return text;
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return text;
	while (len < TEXT_MAX - 1 &&
	    (n = read(fd, text + len, TEXT_MAX - 1 - len)) > 0)
		len += (size_t)n;
	(void)close(fd);
	text[len] = '\0';
	return text;
}

/* The first n numbers after a word that starts a line; how many there were. */
static size_t
numbers_after(const char *text, const char *word, uint64_t *out, size_t n)
{
	size_t len = strlen(word), got = 0;
	const char *p = text;

	while (strncmp(p, word, len) != 0) {
		p = strchr(p, '\n');
		if (p == NULL)
			return 0;
		p++;
	}
	for (p += len; got < n; got++) {
		char *end;

		while (*p == ' ' || *p == '\t')
			p++;
		if (*p < '0' || *p > '9')
			break;
		out[got] = strtoull(p, &end, 10);
		p = end;
	}
	return got;
}

/* user nice system idle iowait irq softirq steal; guest is within user. */
static int
cpu_ticks(const struct sampler *s, uint64_t *total, uint64_t *idle)
{
	char text[TEXT_MAX];
	uint64_t v[8] = { 0 };

	if (numbers_after(slurp(s, text, "/proc/stat"), "cpu ", v, 8) < 4)
		return -1;
	*idle = v[3] + v[4];
	*total = 0;
	for (size_t i = 0; i < 8; i++)
		*total += v[i];
	return 0;
}

/* Ticks that a process and the children it has waited for have used. */
static uint64_t
process_ticks(const struct sampler *s, const char *who)
{
	char text[TEXT_MAX], path[64];
	uint64_t u, k, cu, ck;
	const char *p;

	(void)snprintf(path, sizeof(path), "/proc/%s/stat", who);
	/* The name is in parentheses and may hold anything, ) too. */
	p = strrchr(slurp(s, text, path), ')');
	if (p == NULL || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u "
	    "%*u %*u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &u, &k,
	    &cu, &ck) != 4)
		return 0;
	return u + k + cu + ck;
}

/* Resident kilobytes of a process. */
static uint64_t
process_kb(const struct sampler *s, const char *who)
{
	char text[TEXT_MAX], path[64];
	uint64_t rss;

	(void)snprintf(path, sizeof(path), "/proc/%s/statm", who);
	if (sscanf(slurp(s, text, path), "%*u %" SCNu64, &rss) != 1)
		return 0;
	return rss * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

/* Sums one of the two above over musterd and its runs. */
static uint64_t
family(const struct sampler *s,
    uint64_t (*of)(const struct sampler *, const char *))
{
	uint64_t sum = of(s, "self");
	char who[24];

	for (size_t i = 0; i < s->npids && i < WATCH_MAX; i++) {
		(void)snprintf(who, sizeof(who), "%ld", (long)s->pids[i]);
		sum += of(s, who);
	}
	return sum;
}

static int
net_bytes(const struct sampler *s, uint64_t *rx, uint64_t *tx)
{
	char text[TEXT_MAX];
	const char *line;
	int found = -1;

	(void)slurp(s, text, "/proc/net/dev");
	*rx = *tx = 0;
	for (line = text; line != NULL; line = strchr(line, '\n')) {
		const char *colon;
		uint64_t in, out;

		line += strspn(line, " \n");
		colon = strchr(line, ':');
		if (colon == NULL)
			break;
		/* The two lines of headings have no colon before a bar. */
		if (strncmp(line, "lo:", 3) == 0 ||
		    memchr(line, '|', (size_t)(colon - line)) != NULL ||
		    sscanf(colon + 1, "%" SCNu64 " %*u %*u %*u %*u %*u %*u "
		    "%*u %" SCNu64, &in, &out) != 2)
			continue;
		*rx += in;
		*tx += out;
		found = 0;
	}
	return found;
}

static double
share(uint64_t part, uint64_t whole)
{
	double v = whole == 0 ? 0 : 100.0 * (double)part / (double)whole;

	return v > 100 ? 100 : v;
}

static uint64_t
grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static void
take_cpu(struct sampler *s, struct sample *out)
{
	uint64_t total, idle, self = family(s, process_ticks);

	if (cpu_ticks(s, &total, &idle) == -1)
		return;
	/* Two calls within a tick have nothing between them. */
	if (s->total != 0 && total > s->total) {
		uint64_t span = total - s->total;
		uint64_t rest = grown(idle, s->idle);

		sample_set(out, METRIC_CPU,
		    share(rest < span ? span - rest : 0, span));
		sample_set(out, METRIC_SELF_CPU,
		    share(grown(self, s->self), span));
	}
	s->total = total;
	s->idle = idle;
	s->self = self;
}

static void
take_mem(const struct sampler *s, struct sample *out)
{
	char text[TEXT_MAX];
	uint64_t total, avail, swap, swap_free;

	(void)slurp(s, text, "/proc/meminfo");
	if (numbers_after(text, "MemTotal:", &total, 1) == 1 && total > 0) {
		if (numbers_after(text, "MemAvailable:", &avail, 1) == 1)
			sample_set(out, METRIC_MEM,
			    share(grown(total, avail), total));
		sample_set(out, METRIC_SELF_MEM,
		    share(family(s, process_kb), total));
	}
	if (numbers_after(text, "SwapTotal:", &swap, 1) == 1 &&
	    numbers_after(text, "SwapFree:", &swap_free, 1) == 1)
		sample_set(out, METRIC_SWAP,
		    share(grown(swap, swap_free), swap));
}

/* As df counts: of what others than root may use. */
static void
take_disk(const struct sampler *s, struct sample *out)
{
	struct statvfs fs;
	uint64_t used;

	if (statvfs(s->disk, &fs) == -1 || fs.f_blocks == 0)
		return;
	used = grown(fs.f_blocks, fs.f_bfree);
	sample_set(out, METRIC_DISK, share(used, used + fs.f_bavail));
}

static void
take_load(const struct sampler *s, struct sample *out)
{
	static const struct {
		const char *path;
		enum metric metric;
	} psi[] = {
		{ "/proc/pressure/cpu", METRIC_PSI_CPU },
		{ "/proc/pressure/memory", METRIC_PSI_MEM },
		{ "/proc/pressure/io", METRIC_PSI_IO },
	};
	char text[TEXT_MAX];
	double v;

	if (sscanf(slurp(s, text, "/proc/loadavg"), "%lf", &v) == 1)
		sample_set(out, METRIC_LOAD1, v);
	for (size_t i = 0; i < sizeof(psi) / sizeof(psi[0]); i++)
		if (sscanf(slurp(s, text, psi[i].path), "some avg10=%lf",
		    &v) == 1)
			sample_set(out, psi[i].metric, v);
}

static void
take_net(struct sampler *s, mono now, struct sample *out)
{
	int64_t ms = mono_diff_ms(now, s->at);
	uint64_t rx, tx;

	if (net_bytes(s, &rx, &tx) == -1)
		return;
	if (ms > 0 && s->rx + s->tx > 0) {
		sample_set(out, METRIC_NET_RX,
		    (double)grown(rx, s->rx) * 1000 / (double)ms);
		sample_set(out, METRIC_NET_TX,
		    (double)grown(tx, s->tx) * 1000 / (double)ms);
	}
	s->rx = rx;
	s->tx = tx;
}

void
sampler_init(struct sampler *s, const char *root, const char *disk, mono now)
{
	struct sample scrap = { 0 };

	*s = (struct sampler){ .root = root, .disk = disk, .at = now };
	take_cpu(s, &scrap);
	take_net(s, now, &scrap);
}

void
sampler_watch(struct sampler *s, const pid_t *pids, size_t n)
{
	s->pids = pids;
	s->npids = n;
}

void
sampler_take(struct sampler *s, mono now, struct sample *out)
{
	*out = (struct sample){ .at = now };
	take_cpu(s, out);
	take_mem(s, out);
	take_disk(s, out);
	take_load(s, out);
	take_net(s, now, out);
	s->at = now;
}
