# What must hold after a soak; prints VIOLATION|what|job|occurrence|run, and at
# the end the figures.  Three records are compared: what
# was due (the table of jobs and the clock), what is on record at the broker
# (runs), what the runs wrote themselves (outside).
#
# SPEC section 4, "Never two at work" and "Nothing missed"; section 6, runs.

BEGIN {
	# Times in ms are used as subscripts and must not become 1.7e+12.
	CONVFMT = "%.0f"
	OFMT = "%.3f"
	FS = "\t"
}

FNR == 1 {
	n = split(FILENAME, part, "/")
	file = part[n]
}

function bad(what, job, at, run)
{
	gsub(/\|/, "/", what)
	printf "VIOLATION|%s|%s|%s|%s\n", what, job, at, run
	violations++
}

function rfc(ms,   s)
{
	s = int(ms / 1000) % 86400
	return sprintf("%02d:%02d:%02d", int(s / 3600), int(s / 60) % 60, s % 60)
}

# 2026-11-22T01:02:03.000Z
function ms_of(s,   y, m, d, days)
{
	y = substr(s, 1, 4)
	m = substr(s, 6, 2) + 0
	d = substr(s, 9, 2)
	if (m <= 2) {
		y--
		m += 12
	}
	days = 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + \
	    int((153 * (m - 3) + 2) / 5) + d - 719469
	return (((days * 24 + substr(s, 12, 2)) * 60 + substr(s, 15, 2)) * 60 + \
	    substr(s, 18, 2)) * 1000 + substr(s, 21, 3)
}

# ---- reading ----

file == "bounds" { split($0, part, " "); bound[part[1]] = part[2]; next }

file == "jobs" {
	split($0, part, " ")
	step[part[1]] = part[2] * 1000
	offset[part[1]] = part[3] * 1000
	misfire[part[1]] = part[4]
	overlap[part[1]] = part[5]
	dist[part[1]] = part[6]
	retries[part[1]] = part[7] + 0
	code[part[1]] = part[8]
	sub(/.*work=/, "", code[part[1]])
	known[part[1]] = 1
	next
}

# BOOTTIME WALL WHAT WHO
file == "facts" {
	split($0, part, " ")
	at = part[2] / 1000
	if (part[3] == "keeper") {
		kept[part[4], ++keepers[part[4]]] = at
	} else if (part[3] == "kill_run")
		killed[part[4]] = 1
	else if (part[3] == "abort_run")
		aborted[part[4]] = 1
	else if (part[3] == "clock") {
		stepped[part[4]] = 1
		clocks++
		if (part[4] == "a")
			skew = 3500
	} else if (part[3] == "unasked")
		bad("musterd " part[4] " ended by itself", "", "", "")
	else if (part[3] == "never") {
		sub(/.* never /, "")
		bad("never: " $0, "", "", "")
	}
	next
}

# JOB NUMBER of a file that came; its occurrence is file:PATH:INODE:MTIME.
file == "dropped" {
	split($0, part, " ")
	dropped[part[1], part[2]] = 1
	ndropped++
	next
}

file == "acked" { acked[$0] = 1; nacked++; next }

# START END NODE EPOCH: who worked under which epoch, by the agents' own word.
file == "work" {
	split($0, part, " ")
	worked[part[4]] = part[3]
	terms++
	if (part[4] > epochs)
		epochs = part[4]
	next
}

# DECISION EPOCH TO, oldest first.
file == "moves" {
	split($0, part, " ")
	if (moves > 0 && (part[2] + 0 < move_epoch + 0 ||
	    part[2] == move_epoch && part[3] != mover))
		bad("decision " part[1] " gives epoch " part[2] " to " part[3] \
		    ", the one before it " move_epoch " to " mover, "", "", "")
	move_epoch = part[2]
	mover = part[3]
	moves++
	next
}

file == "sanitizer" || file == "broken" { bad($0, "", "", ""); next }

# id attempt job occurrence state exit signal queued started ended epoch agent
# late cause reason
file == "runs" {
	nruns++
	k = $1 SUBSEP $2
	if (k in job) {
		bad("on record twice", $3, $4, $1)
		next
	}
	job[k] = $3; occ[k] = $4; state[k] = $5; exit_code[k] = $6
	queued[k] = $8; started[k] = $9; ended[k] = $10; epoch[k] = $11
	agent[k] = $12; late[k] = $13; cause[k] = $14; reason[k] = $15
	count[$5]++
	# How long a file found at a takeover was calm is told by the clock of
	# who found it.
	if ($2 == 1 && $4 ~ /^file:/) {
		at = $4
		sub(/:[^:]*:[^:]*$/, "", at)
		sub(/.*\//, "", at)
		if ((($3, at) in file_run) &&
		    ($3 == "came" || (($3, at) in dropped) && !clocks))
			bad("a file made two runs: " file_run[$3, at] " and " $1,
			    $3, $4, $1)
		file_run[$3, at] = $1
	}
	if ($2 > last[$1])
		last[$1] = $2
	if ($2 == 1)
		first_of($1, $3, $4, k)
	of_job[$3, ++njob[$3]] = k
	next
}

# An occurrence has one run, or with "all" one for each agent.
function first_of(id, name, at, k,   to, n)
{
	if (at ~ /^[0-9]+$/) {
		to = at
		# A long row of skips is one record: first, count, last.
		if (match(reason[k], /; [0-9]+ occurrences, the last .*$/)) {
			n = substr(reason[k], RSTART + 2, RLENGTH)
			to = at + (n - 1) * step[name]
		}
		for (; at <= to; at += step[name]) {
			take(id, name, at, k)
			if (step[name] == 0)
				break
		}
	} else
		take(id, name, at, k)
}

function take(id, name, at, k,   other)
{
	if (((name, at) in run_of) &&
	    (dist[name] != "all" || ((name, at, agent[k]) in run_on)))
		bad("two runs of one occurrence: " run_of[name, at] " and " id,
		    name, at, id)
	run_of[name, at] = id
	run_on[name, at, agent[k]] = id
}

# S|E BOOTTIME RUN JOB OCCURRENCE ATTEMPT AGENT PID|CODE
file == "outside" {
	split($0, part, " ")
	k = part[3] SUBSEP part[6]
	if (!(k in job)) {
		bad("ran and is not on record: " $0, part[4], "", part[3])
		next
	}
	if (part[1] == "S") {
		if (k in began)
			bad("attempt " part[6] " ran twice", part[4], occ[k],
			    part[3])
		began[k] = part[2]
		if (agent[k] != part[7])
			bad("ran on " part[7] ", recorded on " agent[k],
			    part[4], occ[k], part[3])
		if (part[5] ~ /^[0-9]+-/)
			at = ms_of(part[5])
		else
			at = part[5]
		if (at != occ[k])
			bad("ran as " part[5], job[k], occ[k], part[3])
		if (job[k] != part[4])
			bad("ran as " part[4], job[k], occ[k], part[3])
		executed++
	} else {
		said[k] = part[8]
		over[k] = part[2]
	}
	next
}

# ---- checking ----

# The keeper of that agent was killed while it may have had the run.
function keeper_died(k,   i)
{
	for (i = 1; i <= keepers[agent[k]]; i++)
		if (kept[agent[k], i] >= queued[k] - 1000 - skew &&
		    kept[agent[k], i] <= ended[k] + 1000 + skew)
			return 1
	return 0
}

function outcome(k,   part, id, name, was)
{
	split(k, part, SUBSEP)
	id = part[1]
	name = job[k]
	was = state[k]
	if (was == "succeeded" || was == "failed") {
		if (!(k in began))
			bad(was " and never ran", name, occ[k], id)
		else if (!(k in said))
			bad(was " and did not come to its end", name, occ[k], id)
		else if (said[k] != exit_code[k] ||
		    (was == "succeeded") != (said[k] == 0))
			bad(was " with " exit_code[k] ", really ended with " \
			    said[k], name, occ[k], id)
	} else if (was == "skipped" || was == "missed" || was == "refused") {
		if (k in began)
			bad(was " and ran", name, occ[k], id)
		if (reason[k] == "-" || reason[k] == "")
			bad(was " without a reason", name, occ[k], id)
		if (was == "refused")
			refusals[reason[k]]++
	} else if (was == "killed") {
		if (!(id in killed) || (k in said))
			bad("killed, and nobody killed it", name, occ[k], id)
	} else if (was == "aborted") {
		if (!(id in aborted))
			bad("aborted, and nobody asked for it", name, occ[k], id)
	} else if (was == "lost") {
		if (!keeper_died(k))
			bad("lost, and its keeper was not killed", name, occ[k],
			    id)
	} else
		bad("ended as " was, name, occ[k], id)
	if (retries[name] > 0 && (was == "failed" || was == "killed") &&
	    part[2] <= retries[name] && part[2] == last[id])
		bad("no further attempt after " was, name, occ[k], id)
	if (part[2] > 1 && !((id, part[2] - 1) in job))
		bad("attempt " part[2] " without the one before", name, occ[k],
		    id)
	# Local: on the agent that fired it, and that one had the epoch.
	if (dist[name] == "local" && step[name] > 0 && agent[k] != "-" &&
	    was != "skipped" && worked[epoch[k]] != agent[k])
		bad("fired under epoch " epoch[k] " of " worked[epoch[k]] \
		    ", ran on " agent[k], name, occ[k], id)
}

# Skipped for the reason that its policy gives, and not otherwise.
function skipped(k,   part, name, why, i, o)
{
	split(k, part, SUBSEP)
	name = job[k]
	why = reason[k]
	if (why ~ /overlap skip/) {
		if (overlap[name] != "skip")
			bad("skipped: " why, name, occ[k], part[1])
		for (i = 1; i <= njob[name]; i++) {
			o = of_job[name, i]
			# When the broker was told of its end is on no record:
			# the longest fault, and a reconnect.
			if (o != k && state[o] != "skipped" &&
			    queued[o] <= queued[k] + skew &&
			    (stepped[agent[o]] ||
			    ended[o] >= queued[k] - 15000 - skew))
				return
		}
		bad("skipped, and no earlier run went on", name, occ[k], part[1])
	} else if (why ~ /^misfire skip/) {
		if (misfire[name] != "skip" || queued[k] - occ[k] < 9900 - skew)
			bad("skipped: " why, name, occ[k], part[1])
	} else if (why ~ /^misfire once/) {
		if (misfire[name] != "once" ||
		    queued[k] < occ[k] + step[name] - 50 - skew)
			bad("skipped: " why, name, occ[k], part[1])
	} else
		bad("skipped: " why, name, occ[k], part[1])
}

# Every time that was due, from the clock alone.
function accounted(name,   at)
{
	at = bound["from2"] - bound["from2"] % step[name] + offset[name]
	while (at <= bound["from2"])
		at += step[name]
	for (; at <= bound["until"]; at += step[name]) {
		due++
		if (!((name, at) in run_of))
			bad("due at " rfc(at) " and on no record", name, at, "")
	}
}

# Never two at once where they queue, unless the first was lost to its keeper
# and went on without it.
function queues(name,   i, j, k, o)
{
	for (i = 1; i <= njob[name]; i++) {
		k = of_job[name, i]
		if (!(k in began) || state[k] == "lost")
			continue
		for (j = i + 1; j <= njob[name]; j++) {
			o = of_job[name, j]
			if (!(o in began) || !(k in over) || !(o in over) ||
			    state[o] == "lost")
				continue
			if (began[o] < over[k] && began[k] < over[o])
				bad("two at once (overlap " overlap[name] \
				    "): with " o, name, occ[k], k)
		}
	}
}

# A chain follows each outcome once.  A late result changes the record of a run
# that was given up, not what followed from that.
function chained(k,   part, name)
{
	split(k, part, SUBSEP)
	if (job[k] != "head" || part[2] != last[part[1]] || late[k] == "true")
		return
	if (state[k] == "skipped" || state[k] == "missed")
		return
	name = state[k] == "succeeded" ? "tail" : "failed"
	if (!((name, "after:" part[1]) in run_of))
		bad("head " part[1] " " state[k] ": " name " did not follow",
		    "head", occ[k], part[1])
	chains++
}

END {
	for (k in job) {
		outcome(k)
		if (state[k] == "skipped")
			skipped(k)
		chained(k)
		if (occ[k] ~ /^after:/) {
			from = substr(occ[k], 7)
			if (!((from, 1) in job))
				bad("follows run " from ", which is not on record",
				    job[k], occ[k], substr(k, 1, index(k, SUBSEP) - 1))
		} else if (step[job[k]] > 0 && (occ[k] - offset[job[k]]) % \
		    step[job[k]] != 0)
			bad("was never due", job[k], occ[k],
			    substr(k, 1, index(k, SUBSEP) - 1))
	}
	for (name in known) {
		if (step[name] > 0)
			accounted(name)
		if (overlap[name] == "skip" || overlap[name] == "queue")
			queues(name)
	}
	for (k in dropped) {
		split(k, part, SUBSEP)
		if (!(k in file_run))
			bad("file " part[2] " came and made no run", part[1],
			    "", "")
	}
	for (run in acked)
		if (!((run, 1) in job))
			bad("acknowledged and not on record", "hand", "", run)
	if (nruns == 0 || due == 0 || executed == 0 || terms == 0)
		bad("nothing was checked", "", "", "")
	printf "%d due, %d attempts on record, %d executed, %d by hand, ",
	    due, nruns, executed, nacked
	printf "%d files, %d chains; %d times at work, epoch %d\n", ndropped,
	    chains, terms, epochs
	line = ""
	for (s in count)
		line = line " " count[s] " " s
	print "outcomes:" line
	for (r in refusals)
		print "refused " refusals[r] " times: " r
	printf "%d violations\n", violations
}
