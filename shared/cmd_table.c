#include "cmd.h"

/* Rows are in the order of help.  A row says everything that a front end needs
 * to know; what it does is bound to its id in the daemon. */
const struct cmd cmds[CMD_COUNT] = {
	[CMD_STATUS] = {
		.noun = "status", .verb = "", .args = "",
		.help = "mode, role, epoch, lease, broker and alerts of this "
			"node",
		.columns = "NODE=node CLUSTER=cluster MODE=mode ROLE=role "
			   "STATUS=status SUSPENDED=suspended EPOCH=epoch "
			   "LEASE_LEFT=lease_left:dur BROKER=broker "
			   "CONTROL=control VERSION=version ALERTS=alerts",
		.scope = CMD_NODE, .priv = PRIV_VIEW,
	},
	[CMD_AGENT_LIST] = {
		.noun = "agent", .verb = "list",
		.args = "--mode:agent|worker --status:on|off "
			"--health:unknown|very_bad|bad|ok|good|excellent "
			"--connected:true|false --label:TEXT --limit:INT",
		.help = "the agents, by name",
		.columns = "NAME=name MODE=mode LINK=connected:link "
			   "STATUS=status ROLE=role EPOCH=epoch:num "
			   "HEALTH=health.level REASON=health.reason "
			   "PIN_ENDS=pinned_until:age "
			   "HELD=held_off:mark DRAIN=drained:mark "
			   "PRIO=priority:num RUNS=running:num "
			   "LATENCY=latency:ms VERSION=version",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
	},
	[CMD_AGENT_SHOW] = {
		.noun = "agent", .verb = "show", .args = "agent:AGENT",
		.help = "one agent in full",
		.columns = "NAME=name ID=id LATENCY=latency:ms "
			   "UPTIME=uptime:pct PINNED_UNTIL=pinned_until:time",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
	},
	[CMD_AGENT_ON] = {
		.noun = "agent", .verb = "on",
		.args = "agent:AGENT? --for:DUR --until:TIME --epoch:INT",
		.help = "give the Scheduler role to an agent, pinned for a "
			"while; without a name, to this node",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_MAINTAIN_CLUSTER,
		.flags = CMD_CHANGES | CMD_SELF,
	},
	[CMD_AGENT_OFF] = {
		.noun = "agent", .verb = "off",
		.args = "agent:AGENT? --vacant --epoch:INT",
		.help = "take the Scheduler role away and hold the agent off; "
			"without a name, from this node",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_MAINTAIN_CLUSTER,
		.flags = CMD_CHANGES | CMD_SELF,
	},
	[CMD_AGENT_RELEASE] = {
		.noun = "agent", .verb = "release",
		.args = "agent:AGENT --epoch:INT",
		.help = "end the hold or the pin that an operator put on an "
			"agent",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_MAINTAIN_CLUSTER,
		.flags = CMD_CHANGES,
	},
	[CMD_AGENT_CONFIRM] = {
		.noun = "agent", .verb = "confirm", .args = "--epoch:INT",
		.help = "do what is proposed about the Scheduler role "
			"(control = advise)",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_MAINTAIN_CLUSTER,
		.flags = CMD_CHANGES,
	},
	[CMD_AGENT_DRAIN] = {
		.noun = "agent", .verb = "drain",
		.args = "agent:AGENT --epoch:INT",
		.help = "send an agent no new runs; hand over first if it is "
			"the Scheduler",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_MAINTAIN_CLUSTER,
		.flags = CMD_CHANGES,
	},
	[CMD_AGENT_UNDRAIN] = {
		.noun = "agent", .verb = "undrain",
		.args = "agent:AGENT --epoch:INT",
		.help = "let a drained agent work again",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_MAINTAIN_CLUSTER,
		.flags = CMD_CHANGES,
	},
	[CMD_AGENT_RENAME] = {
		.noun = "agent", .verb = "rename",
		.args = "agent:AGENT name:NAME",
		.help = "give an agent another name",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_MAINTAIN_CLUSTER,
		.flags = CMD_CHANGES,
	},
	[CMD_AGENT_REMOVE] = {
		.noun = "agent", .verb = "remove",
		.args = "agent:AGENT --epoch:INT",
		.help = "remove an agent from the cluster; its key is refused "
			"at once",
		.columns = "",
		.confirm = "Remove agent {agent} from the cluster?",
		.scope = CMD_CLUSTER, .priv = PRIV_MAINTAIN_CLUSTER,
		.flags = CMD_CHANGES | CMD_ASKS,
	},
	[CMD_AGENT_SET] = {
		.noun = "agent", .verb = "set",
		.args = "agent:AGENT values:PAIR+",
		.help = "change priority, labels, broker addresses or "
			"offline_ok of an agent",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_MAINTAIN_CLUSTER,
		.flags = CMD_CHANGES,
	},
	[CMD_AGENT_HISTORY] = {
		.noun = "agent", .verb = "history",
		.args = "agent:AGENT --since:DUR --limit:INT",
		.help = "what an agent's status, health and link were, newest "
			"first",
		.columns = "AT=at:time STATUS=status EPOCH=epoch:num "
			   "CONNECTED=connected LEVEL=level VALUE=value:num "
			   "REASON=reason",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
	},
	[CMD_AGENT_STATS] = {
		.noun = "agent", .verb = "stats",
		.args = "agent:AGENT --window:DUR",
		.help = "what an agent measured lately, in columns as a graph "
			"needs them",
		.columns = "AGENT=agent FROM=from:time TO=to:time "
			   "STEP=step:dur",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
	},
	[CMD_JOIN_REQUEST] = {
		.noun = "join", .verb = "request",
		.args = "host:HOST --as:agent|worker --message:TEXT "
			"--name:NAME",
		.help = "ask a broker to take this node in",
		.columns = "",
		.scope = CMD_NODE, .priv = PRIV_MAINTAIN_CLUSTER,
		.flags = CMD_CHANGES,
	},
	[CMD_JOIN_LIST] = {
		.noun = "join", .verb = "list",
		.args = "--state:pending|accepted|joined|rejected|left|removed|"
			"locked|expired --limit:INT",
		.help = "requests to join, newest first",
		.columns = "ID=id NAME=name STATE=state AS=as ADDRESS=address "
			   "WORDS=words REQUESTED=requested_at:age "
			   "TOKEN_UNTIL=token_expires_at:time MESSAGE=message",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
	},
	[CMD_JOIN_ACCEPT] = {
		.noun = "join", .verb = "accept", .args = "request:ID",
		.help = "accept a request to join, by id or name",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_MAINTAIN_CLUSTER,
		.flags = CMD_CHANGES,
	},
	[CMD_JOIN_REJECT] = {
		.noun = "join", .verb = "reject", .args = "request:ID",
		.help = "reject a request to join; the node is shown --reason",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_MAINTAIN_CLUSTER,
		.flags = CMD_CHANGES,
	},
	[CMD_JOIN_TOKEN] = {
		.noun = "join", .verb = "token", .args = "request:ID",
		.help = "make and show the token of an accepted request; an "
			"older one is void",
		.columns = "TOKEN=token EXPIRES_AT=expires_at:time "
			   "COMMAND=command",
		.scope = CMD_CLUSTER, .priv = PRIV_MAINTAIN_CLUSTER,
		.flags = CMD_CHANGES,
	},
	[CMD_JOIN_COMPLETE] = {
		.noun = "join", .verb = "complete",
		.args = "host:HOST token:TOKEN? --as:agent|worker --name:NAME",
		.help = "join with a token or an invite; - reads it from "
			"standard input",
		.columns = "",
		.scope = CMD_NODE, .priv = PRIV_MAINTAIN_CLUSTER,
		.flags = CMD_CHANGES,
	},
	[CMD_JOIN_INVITE] = {
		.noun = "join", .verb = "invite",
		.args = "--for:DUR --until:TIME --uses:INT --as:agent|worker",
		.help = "make a token first, for machines that join by "
			"themselves",
		.columns = "TOKEN=token EXPIRES_AT=expires_at:time "
			   "COMMAND=command",
		.scope = CMD_CLUSTER, .priv = PRIV_MAINTAIN_CLUSTER,
		.flags = CMD_CHANGES,
	},
	[CMD_LEAVE] = {
		.noun = "leave", .verb = "", .args = "",
		.help = "leave the cluster; this node becomes standalone",
		.columns = "",
		.confirm = "Leave the cluster? This node becomes standalone.",
		.scope = CMD_NODE, .priv = PRIV_MAINTAIN_CLUSTER,
		.flags = CMD_CHANGES | CMD_ASKS,
	},
	[CMD_JOB_LIST] = {
		.noun = "job", .verb = "list",
		.args = "--queue:NAME --enabled:true|false "
			"--paused:true|false --limit:INT",
		.help = "the jobs, by name",
		.columns = "NAME=name ENABLED=enabled PAUSED=paused:mark "
			   "NEXT=next:time QUEUE=queue DIST=distribution "
			   "LAST=last.state AT=last.at:age TRIGGERS=triggers",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
	},
	[CMD_JOB_SHOW] = {
		.noun = "job", .verb = "show", .args = "job:NAME",
		.help = "one job in full",
		.columns = "NAME=name NEXT=next:time",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
	},
	[CMD_JOB_RUN] = {
		.noun = "job", .verb = "run",
		.args = "job:NAME --param/p:PAIR* --wait",
		.help = "run a job now; --wait stays until it has ended",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_RUN_JOBS,
		.flags = CMD_CHANGES,
	},
	[CMD_JOB_NEXT] = {
		.noun = "job", .verb = "next",
		.args = "job:NAME? --limit:INT",
		.help = "the coming occurrences of a job, or of all jobs",
		.columns = "AT=at:time IN=at:age JOB=job TRIGGER=trigger",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
	},
	[CMD_JOB_PAUSE] = {
		.noun = "job", .verb = "pause", .args = "job:NAME",
		.help = "fire no triggers of a job until it is resumed",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_DEFINE_JOBS,
		.flags = CMD_CHANGES,
	},
	[CMD_JOB_RESUME] = {
		.noun = "job", .verb = "resume", .args = "job:NAME",
		.help = "end the pause of a job",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_DEFINE_JOBS,
		.flags = CMD_CHANGES,
	},
	[CMD_JOB_REMOVE] = {
		.noun = "job", .verb = "remove", .args = "job:NAME",
		.help = "remove a job from the catalogue; its runs stay on "
			"record",
		.columns = "",
		.confirm = "Remove job {job} from the catalogue?",
		.scope = CMD_CLUSTER, .priv = PRIV_DEFINE_JOBS,
		.flags = CMD_CHANGES | CMD_ASKS,
	},
	[CMD_RUN_LIST] = {
		.noun = "run", .verb = "list",
		.args = "--job:NAME --agent:AGENT "
			"--state:waiting|queued|dispatched|running|unknown|"
			"succeeded|failed|killed|timed_out|aborted|lost|"
			"refused|skipped|missed --cause:WORD --since:DUR "
			"--limit:INT",
		.help = "the runs, newest first",
		.columns = "ID=id JOB=job STATE=state EXIT=exit_code:num "
			   "SIGNAL=signal:num AGENT=agent ATTEMPT=attempt:num "
			   "CAUSE=cause OCCURRENCE=occurrence:time "
			   "STARTED=started_at:time ENDED=ended_at:time "
			   "LATE=late:mark",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
	},
	[CMD_RUN_SHOW] = {
		.noun = "run", .verb = "show", .args = "run:ID",
		.help = "one run in full",
		.columns = "ID=id JOB=job STATE=state",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
	},
	[CMD_RUN_LOG] = {
		.noun = "run", .verb = "log",
		.args = "run:ID --follow/f --offset:INT --tail:INT",
		.help = "the output of a run; -f follows it to its end",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
		.flags = CMD_STREAM | CMD_RAW,
	},
	[CMD_RUN_ABORT] = {
		.noun = "run", .verb = "abort", .args = "run:ID",
		.help = "end a run: TERM, its grace, KILL",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_STOP_ANY_RUN,
		.flags = CMD_CHANGES,
	},
	[CMD_RUN_RETRY] = {
		.noun = "run", .verb = "retry", .args = "run:ID",
		.help = "run an ended run's occurrence once more",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_RUN_JOBS,
		.flags = CMD_CHANGES,
	},
	[CMD_RUN_EXPLAIN] = {
		.noun = "run", .verb = "explain", .args = "run:ID",
		.help = "why a run waits, or where it would go",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
	},
	[CMD_EVENT_LIST] = {
		.noun = "event", .verb = "list",
		.args = "--severity:info|notice|warn|error|audit --code:WORD "
			"--node:NAME --actor:WORD --since:DUR --limit:INT",
		.help = "what happened, newest first",
		.columns = "SEQ=seq:num AT=at:time SEVERITY=severity CODE=code "
			   "NODE=node ACTOR=actor MESSAGE=message",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
	},
	[CMD_EVENT_FOLLOW] = {
		.noun = "event", .verb = "follow",
		.args = "--severity:info|notice|warn|error|audit --code:WORD "
			"--node:NAME --actor:WORD --since:DUR",
		.help = "what happens, as it happens",
		.columns = "AT=at:time SEVERITY=severity CODE=code NODE=node "
			   "ACTOR=actor MESSAGE=message",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
		.flags = CMD_STREAM,
	},
	[CMD_SETTING_LIST] = {
		.noun = "setting", .verb = "list", .args = "--limit:INT",
		.help = "the settings of the cluster",
		.columns = "NAME=name VALUE=value DEFAULT=default HELP=help",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
	},
	[CMD_SETTING_SHOW] = {
		.noun = "setting", .verb = "show", .args = "name:NAME",
		.help = "one setting in full",
		.columns = "NAME=name VALUE=value DEFAULT=default",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
	},
	[CMD_SETTING_SET] = {
		.noun = "setting", .verb = "set", .args = "values:PAIR+",
		.help = "change settings; several are checked and applied "
			"together",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_MAINTAIN_SETTINGS,
		.flags = CMD_CHANGES,
	},
	[CMD_KEY_SHOW] = {
		.noun = "key", .verb = "show", .args = "",
		.help = "this node's public key and fingerprint",
		.columns = "NODE=node FINGERPRINT=fingerprint KEY=key",
		.scope = CMD_NODE, .priv = PRIV_VIEW,
	},
	[CMD_KEY_RESET] = {
		.noun = "key", .verb = "reset", .args = "",
		.help = "make a copied machine a node of its own: a new key, "
			"no cluster, at the next start of musterd",
		.columns = "",
		.confirm = "Forget this node's key and its cluster? It starts "
			   "anew as a standalone node.",
		.scope = CMD_NODE, .priv = PRIV_MAINTAIN_CLUSTER,
		.flags = CMD_CHANGES | CMD_ASKS,
	},
	[CMD_CONDITION_CHECK] = {
		.noun = "condition", .verb = "check",
		.args = "text:TEXT --since:DUR",
		.help = "what a condition gives for each agent, and why",
		.columns = "AGENT=agent RESULT=result EXPLANATION=explanation",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
	},
	[CMD_WHY] = {
		.noun = "why", .verb = "",
		.args = "decision:ID? --case:INT --since:DUR --limit:INT",
		.help = "the last decisions about the Scheduler role, or one "
			"with its inputs",
		.columns = "DECISION=decision AT=at:time CASE=case:num "
			   "FROM=from TO=to EPOCH=epoch:num OUTCOME=outcome "
			   "BY=actor WHY=text",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
	},
	[CMD_WHATIF] = {
		.noun = "whatif", .verb = "", .args = "event:WORD+",
		.help = "the role decision for supposed events (kill NODE, "
			"cpu NODE=95, drain NODE, forward 20m); changes "
			"nothing",
		.columns = "DECISION=decision AT=at:time",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
	},
	[CMD_APPLY] = {
		.noun = "apply", .verb = "",
		.args = "file:FILE --dry-run --prune",
		.help = "make the catalogue as a file says, in one "
			"transaction; - reads standard input",
		.columns = "ACTION=action KIND=kind NAME=name DETAIL=detail",
		.scope = CMD_CLUSTER, .priv = PRIV_DEFINE_JOBS,
		.flags = CMD_CHANGES | CMD_PLANS,
	},
	[CMD_EXPORT] = {
		.noun = "export", .verb = "", .args = "",
		.help = "the catalogue as text, as apply reads it",
		.columns = "",
		.scope = CMD_CLUSTER, .priv = PRIV_VIEW,
		.flags = CMD_RAW,
	},
	[CMD_DOCTOR] = {
		.noun = "doctor", .verb = "", .args = "",
		.help = "check this node and name each problem with its cure",
		.columns = "CHECK=check STATE=state DETAIL=detail CURE=cure",
		.scope = CMD_NODE, .priv = PRIV_VIEW,
	},
	[CMD_BACKUP] = {
		.noun = "backup", .verb = "", .args = "path:PATH",
		.help = "write store, host key and configuration to a new "
			"file on the daemon's machine",
		.columns = "",
		.scope = CMD_NODE, .priv = PRIV_MAINTAIN_SETTINGS,
		.flags = CMD_CHANGES,
	},
};
