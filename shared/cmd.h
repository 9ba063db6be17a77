/* The command table: what `muster`, `ssh host VERB …`, the console's `:` line,
 * the JSON-RPC methods, help, completion, the manual page and the audit log
 * have in common (SPEC section 8).
 *
 * The table is constant; everything here is pure (no I/O, no printing) and may
 * be used from any thread. */
#ifndef CMD_H
#define CMD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

enum cmd_id {
	CMD_STATUS,
	CMD_AGENT_LIST,
	CMD_AGENT_SHOW,
	CMD_AGENT_ON,
	CMD_AGENT_OFF,
	CMD_AGENT_RELEASE,
	CMD_AGENT_CONFIRM,
	CMD_AGENT_DRAIN,
	CMD_AGENT_UNDRAIN,
	CMD_AGENT_RENAME,
	CMD_AGENT_REMOVE,
	CMD_AGENT_SET,
	CMD_AGENT_HISTORY,
	CMD_AGENT_STATS,
	CMD_JOIN_REQUEST,
	CMD_JOIN_LIST,
	CMD_JOIN_ACCEPT,
	CMD_JOIN_REJECT,
	CMD_JOIN_TOKEN,
	CMD_JOIN_COMPLETE,
	CMD_JOIN_INVITE,
	CMD_LEAVE,
	CMD_JOB_LIST,
	CMD_JOB_SHOW,
	CMD_JOB_RUN,
	CMD_JOB_NEXT,
	CMD_JOB_PAUSE,
	CMD_JOB_RESUME,
	CMD_JOB_REMOVE,
	CMD_RUN_LIST,
	CMD_RUN_SHOW,
	CMD_RUN_LOG,
	CMD_RUN_ABORT,
	CMD_RUN_RETRY,
	CMD_RUN_EXPLAIN,
	CMD_EVENT_LIST,
	CMD_EVENT_FOLLOW,
	CMD_SETTING_LIST,
	CMD_SETTING_SHOW,
	CMD_SETTING_SET,
	CMD_KEY_SHOW,
	CMD_KEY_RESET,
	CMD_CONDITION_CHECK,
	CMD_WHY,
	CMD_WHATIF,
	CMD_APPLY,
	CMD_EXPORT,
	CMD_DOCTOR,
	CMD_BACKUP,
	CMD_COUNT
};

/* Whose question it is: the node's that was asked, or the cluster's, which an
 * agent passes on to its broker (SPEC section 7). */
enum cmd_scope { CMD_NODE, CMD_CLUSTER };

/* SPEC section 7, in its order; a set of them is a mask of 1u << PRIV_…. */
enum priv {
	PRIV_VIEW,
	PRIV_RUN_JOBS,
	PRIV_STOP_ANY_RUN,
	PRIV_DEFINE_JOBS,
	PRIV_DEFINE_QUEUES,
	PRIV_MAINTAIN_CLUSTER,
	PRIV_MAINTAIN_SETTINGS,
	PRIV_MAINTAIN_USERS,
	PRIV_COUNT
};

enum cmd_flags {
	CMD_CHANGES = 1 << 0,	/* audited; takes --reason TEXT */
	CMD_ASKS = 1 << 1,	/* asks on a terminal, else needs --yes */
	CMD_PLANS = 1 << 2,	/* apply: shows its plan on a terminal first */
	CMD_STREAM = 1 << 3,	/* may send rows before its response: follow */
	CMD_RAW = 1 << 4,	/* its result is {"text"}, printed as it is */
	CMD_SELF = 1 << 5	/* without its first argument: the node asked */
};

struct cmd {
	const char *noun;
	const char *verb;	/* "" when the noun stands alone */
	const char *args;	/* see cmd_arg_next */
	const char *help;	/* one line, lower case, no stop */
	const char *columns;	/* see render.h; "" when there are none */
	const char *confirm;	/* CMD_ASKS: the question, with {argument} */
	enum cmd_scope scope;
	enum priv priv;
	unsigned flags;
	char key;		/* console key on this screen; 0: none */
	const char *screen;
};

extern const struct cmd cmds[CMD_COUNT];	/* indexed by enum cmd_id */

/* One item of `args`, items separated by one space:
 *
 *	agent:AGENT	positional, required
 *	agent:AGENT?	optional
 *	values:PAIR+	one or more, the rest of the words
 *	--vacant	an option without a value: true
 *	--limit:INT	with a value
 *	--follow/f	with a short form, -f
 *	--param/p:PAIR*	may be given again and again
 *	--as:agent|worker	one of these words
 *
 * Its name in params is the same with - as _ (--dry-run: dry_run).  Besides
 * its own, every command takes --json and --help, a CMD_CHANGES one --reason
 * TEXT, a CMD_ASKS or CMD_PLANS one --yes (cmd_options). */
enum cmd_type {			/* in params: */
	ARG_TRUE,		/* true, or absent */
	ARG_CHOICE,		/* string, one of choices */
	ARG_NAME,		/* string, text_name */
	ARG_AGENT,		/* string, text_name: an agent's */
	ARG_ID,			/* string, 1..63 of A-Z a-z 0-9 . _ : - */
	ARG_HOST,		/* string HOST[:PORT] or [V6]:PORT */
	ARG_TEXT,		/* string, UTF-8 */
	ARG_WORD,		/* string, UTF-8, not empty */
	ARG_INT,		/* integer, 0..2^53 */
	ARG_DUR,		/* seconds: integer, or real below a second */
	ARG_TIME,		/* string, RFC 3339 UTC with milliseconds */
	ARG_PAIR,		/* one member {"K": "V"} of an object */
	ARG_TOKEN,		/* string; secret; "-": front end reads it */
	ARG_FILE,		/* string; the front end adds its text: "text" */
	ARG_PATH,		/* string; a file on the daemon's machine */
	ARG_NTYPES
};

/* Largest values: an integer that every JSON reader takes exactly; ten years,
 * in milliseconds. */
#define CMD_INT_MAX	((int64_t)1 << 53)
#define CMD_DUR_MAX	((int64_t)3650 * 86400000)

struct cmd_arg {
	char name[32];		/* as in params */
	char word[32];		/* as typed: "--dry-run", or "AGENT" in help */
	char brief;		/* 'f' for -f; 0: none */
	enum cmd_type type;
	bool option;		/* starts with -- */
	bool optional;		/* always true of an option */
	bool repeated;		/* params: an array; an object for ARG_PAIR */
	const char *choices;	/* "agent|worker", borrowed, nchoices bytes */
	size_t nchoices;
};

/* Takes the next item from *spec and moves it on.  Returns 1, 0 at the end, -1
 * when the text is not as above (a bug in the table, found by its test). */
int	cmd_arg_next(const char **spec, struct cmd_arg *);
/* Is this a value of an argument whose type is a string in params?  ERR_USAGE
 * names the argument. */
int	cmd_arg_check(const struct cmd_arg *, const char *, struct err *);
/* The options that come with the flags of a command, as such a text. */
const char *cmd_options(const struct cmd *);

/* What a command line asks for. */
struct cmd_call {
	const struct cmd *cmd;	/* NULL: help about a noun or everything */
	const char *noun;	/* with help and no cmd: NULL or a noun */
	json_t *params;		/* an object, owned; NULL with help */
	bool help;		/* show help and do nothing */
	bool json;
	bool yes;
};

/* Parses the words after the program's own options: NOUN VERB ARGS.  Nothing
 * but the words is looked at.  Errors are ERR_USAGE and name the word and the
 * nearest known one.  On 0 the caller ends with cmd_call_clear. */
int	cmd_parse(int argc, char *const *argv, struct cmd_call *, struct err *);
void	cmd_call_clear(struct cmd_call *);

/* Parameters as they came over the protocol: are the required ones there and
 * all known ones of the right type?  Unknown ones are left alone (SPEC section
 * 9).  params may be NULL: none.  ERR_USAGE names the parameter. */
int	cmd_check(const struct cmd *, const json_t *params, struct err *);
/* A duration parameter in milliseconds; dflt when it is absent. */
int64_t	cmd_ms(const json_t *params, const char *name, int64_t dflt);

/* The exit status of a command that was answered: 1 when `job run --wait` ended
 * in another state than succeeded, or `doctor` has a row whose state is
 * problem; else 0. */
int	cmd_exit(const struct cmd *, const json_t *params, const json_t *result);

enum { CMD_METHOD = 48 };
/* "agent.list", or "status" for a noun alone; returns out. */
char   *cmd_method(const struct cmd *, char out[CMD_METHOD]);
/* NULL when there is no such method. */
const struct cmd *cmd_of_method(const char *);
/* "maintain_cluster"; and back, -1 when there is none of that name. */
const char *cmd_priv_word(enum priv);
int	cmd_priv_of(const char *word, enum priv *);

/* `agent on [AGENT] [--for D] …` in one line. */
void	cmd_usage(struct buf *, const struct cmd *);
/* Help as text: about a row, about a noun, or (both NULL) about everything. */
void	cmd_help(struct buf *, const char *noun, const struct cmd *);
/* The question of a CMD_ASKS row with {argument}s filled in, made safe. */
void	cmd_question(struct buf *, const struct cmd *, const json_t *params);
/* What may stand where the last of the words stands, one a line. */
void	cmd_complete(struct buf *, int argc, char *const *argv);

#endif
