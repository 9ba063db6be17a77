/* musterd: options, configuration, privileges; then the daemon runs. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.h"
#include "log.h"
#include "restore.h"

static const char usage[] =
    "usage: musterd [-nV] [-c FILE]\n"
    "       musterd [-c FILE] --restore DIRECTORY\n"
    "  -c FILE  configuration (default " CONFIG_PATH ", if it is there)\n"
    "  -n       check the configuration and exit\n"
    "  -V       print the version and exit\n"
    "  --restore DIRECTORY\n"
    "           put what muster backup left there into an empty state\n"
    "           directory, and exit\n"
    "Runs in the foreground. See musterd(8) and musterd.conf(5).\n";

static int
fail(const struct err *e)
{
	(void)fprintf(stderr, "musterd: %s\n", e->msg);
	return err_exit(e->code) == 0 ? 1 : err_exit(e->code);
}

/* The default file may be missing; one that was named must be there. */
static int
load(const char *given, struct config *cfg, const char **path, struct err *e)
{
	*path = given != NULL ? given : CONFIG_PATH;
	if (config_load(*path, cfg, e) == 0)
		return 0;
	if (given != NULL || e->code != ERR_NOTFOUND)
		return -1;
	*path = NULL;
	config_defaults(cfg);
	return 0;
}

static int
make_dir(const char *path, mode_t mode, const struct passwd *owner,
    struct err *e)
{
	if (mkdir(path, mode) == -1 && errno != EEXIST)
		return err_sys(e, "%s", path);
	if (owner != NULL && chown(path, owner->pw_uid, owner->pw_gid) == -1)
		return err_sys(e, "%s: chown to %s", path, owner->pw_name);
	return 0;
}

static int
make_dirs(const struct config *cfg, const struct passwd *owner, struct err *e)
{
	char dir[128];
	char *slash;

	(void)snprintf(dir, sizeof(dir), "%s", cfg->socket);
	slash = strrchr(dir, '/');
	if (slash != NULL && slash != dir) {
		struct stat st;

		*slash = '\0';
		if (stat(dir, &st) == -1 &&
		    make_dir(dir, 0755, owner, e) == -1)
			return -1;
	}
	return make_dir(cfg->state_dir, 0700, owner, e);
}

/* Installed, the daemon parses hostile bytes as its own user; only the keeper
 * may be root. */
static int
become(const struct config *cfg, struct err *e)
{
	const struct passwd *pw = NULL;

	if (cfg->user != NULL && geteuid() == 0) {
		pw = getpwnam(cfg->user);
		if (pw == NULL)
			return err_set(e, ERR_FAILED, "node.user: there is no "
			    "user %s: create it (useradd -r %s) or leave the "
			    "setting out", cfg->user, cfg->user);
	}
	if (make_dirs(cfg, pw, e) == -1)
		return -1;
	if (pw == NULL) {
		if (geteuid() == 0)
			log_warn("main", "running as root: name a user in "
			    "node.user of musterd.conf");
		return 0;
	}
	if (initgroups(pw->pw_name, pw->pw_gid) == -1 ||
	    setgid(pw->pw_gid) == -1 || setuid(pw->pw_uid) == -1)
		return err_sys(e, "becoming user %s", pw->pw_name);
	return 0;
}

/* Two descriptors a session (net), plus files. */
static void
raise_limits(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "restore", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	const char *given = NULL, *backup = NULL, *path;
	struct config cfg;
	struct err e = { 0 };
	int c, check = 0;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(077);
	while ((c = getopt_long(argc, argv, "c:nVh", options, NULL)) != -1)
		switch (c) {
		case 'r':
			backup = optarg;
			break;
		case 'c':
			given = optarg;
			break;
		case 'n':
			check = 1;
			break;
		case 'V':
			(void)printf("musterd %s\n", MUSTER_VERSION);
			return 0;
		case 'h':
			(void)fputs(usage, stdout);
			return 0;
		default:
			(void)fputs(usage, stderr);
			return 2;
		}
	if (optind != argc) {
		(void)fputs(usage, stderr);
		return 2;
	}
	if (load(given, &cfg, &path, &e) == -1)
		return fail(&e);
	if (check) {
		(void)printf("musterd: %s is fine\n",
		    path != NULL ? path : "no configuration: defaults,");
		config_clear(&cfg);
		return 0;
	}
	log_init(cfg.log_level);
	raise_limits();
	if (become(&cfg, &e) == -1 || (backup != NULL
	    ? restore_run(&cfg, backup, &e)
	    : daemon_run(&cfg, path, argv[0], &e)) == -1) {
		config_clear(&cfg);
		return fail(&e);
	}
	if (backup != NULL) {
		(void)printf("musterd: %s holds the node of %s: start musterd; "
		    "a broker begins with control = manual\n", cfg.state_dir,
		    backup);
		config_clear(&cfg);
	}
	return 0;
}
