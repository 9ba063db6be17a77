# What the nodes' logs and the broker's record say together, after any faults:
# never two Schedulers at work, epochs rise, every occurrence is accounted for.
#
#   load merged                  after lib (from slow/: load ../merged)
#   account a                    the job tick is paused, then merged a
#   merged a                     all of it for the job tick
#   never_two a                  of cluster a, from the logs of all nodes
#   one_epoch_each a             from the record of broker a
#   every_occurrence a JOB STEP FILE
#
# Logs carry CLOCK_BOOTTIME, which is one clock for all nodes here and has no
# steps.  A daemon that is killed says nothing: kill9 and start of lib.bash
# leave a line of the test's own in its log.

# work_of_all CLUSTER: lines "START END NODE EPOCH", each time that a node was
# at work.  One that is stopped (SIGSTOP) says so late; it may fire until its
# lease ends, no longer.
work_of_all()
{
	local log node

	for log in "$T"/*/log; do
		[ -f "$log" ] || continue
		node=${log%/log}
		awk -v node="${node##*/}" -v cluster="cluster=$1" '
		function end(at) {
			if (open)
				print from, at, node, epoch
			open = 0
		}
		function field(name,   i) {
			for (i = 2; i <= NF; i++)
				if (index($i, name "=") == 1)
					return substr($i, length(name) + 2)
			return ""
		}
		$1 == "test" { end(field("boottime")); next }
		$1 != "info" || $2 != "lease" || $3 != cluster { next }
		/ at work$/ {
			end(field("boottime"))
			from = field("boottime")
			epoch = field("epoch")
			open = 1
		}
		/ stopped: / {
			at = field("boottime")
			if (field("until") + 0 < at + 0)
				at = field("until")
			end(at)
		}
		END { end("inf") }' "$log"
	done | sort -n
}

# No node starts before every other one has stopped, and under a higher epoch.
never_two()
{
	work_of_all "$1" >"$T/work"
	[ -s "$T/work" ] || {
		echo "nobody was ever at work"
		return 1
	}
	awk '
	NR > 1 && $3 != who && last != "inf" && $1 + 0 < last + 0 ||
	    NR > 1 && $3 != who && last == "inf" {
		print "two at work: " who " until " last ", " $0
		bad = 1
	}
	NR > 1 && $3 != who && $4 + 0 <= epoch + 0 || $4 + 0 < epoch + 0 {
		print "the epoch does not rise: " epoch " of " who ", " $0
		bad = 1
	}
	{
		if (last != "inf" && ($2 == "inf" || $2 + 0 > last + 0))
			last = $2
		who = $3
		epoch = $4
	}
	END { exit bad }' "$T/work" || {
		cat "$T/work"
		return 1
	}
	fires_at_work "$1"
}

# fires_at_work CLUSTER: with E2E_LOG=debug a node logs each fire: only while it
# was at work.
fires_at_work()
{
	local log node

	for log in "$T"/*/log; do
		[ -f "$log" ] || continue
		node=${log%/log}
		awk -v node="${node##*/}" -v cluster="cluster=$1" '
		FILENAME == ARGV[1] {
			if ($3 == node) {
				from[n] = $1
				to[n++] = $2
			}
			next
		}
		$1 == "debug" && $2 == "fire" && $3 == cluster {
			match($0, /boottime=[0-9.]+/)
			at = substr($0, RSTART + 9, RLENGTH - 9)
			for (i = 0; i < n; i++)
				if (at + 0 >= from[i] + 0 &&
				    (to[i] == "inf" || at + 0 <= to[i] + 0))
					next
			print node " fires and is not at work: " $0
			bad = 1
		}
		END { exit bad }' "$T/work" "$log" || return 1
	done
}

# Each epoch was granted to one node, and they rise as they were granted.
one_epoch_each()
{
	q "$1" '.[] | select(.code == "role_granted")
	    | "\(.seq) \(.data.epoch) \(.node)"' \
	    event list --limit 100000 | sort -n | awk '
	$2 < epoch || $2 == epoch && $3 != who {
		print "epoch " epoch " of " who ", then " $0
		bad = 1
	}
	{
		epoch = $2
		who = $3
	}
	END {
		if (NR == 0)
			print "no grant is on record"
		exit bad || NR == 0
	}'
}

# every_occurrence BROKER JOB [STEP [FILE]]: from the first to the last on
# record each time (STEP in ms, 1 s) is there exactly once: as succeeded, and
# then once in FILE ($T/fired, where the job writes its occurrences), or as
# skipped or missed with a reason, and then not in it.  Runs that somebody asked
# for (manual:ID) are left alone.
every_occurrence()
{
	local broker=$1 job=$2 step=${3:-1000} file=${4:-$T/fired}

	m "$broker" run list --job "$job" --limit 1000000 --json \
	    >"$T/record.$job"
	jq -nr --argjson step "$step" --slurpfile record "$T/record.$job" \
	    --rawfile marks "$file" '
	def ms: (.[0:19] + "Z" | fromdate) * 1000 + (.[20:23] | tonumber);
	# A long row of skips is one record: first, count, last.
	def times: . as $r | ($r.occurrence | ms) as $first
	    | ($r.reason // "" | capture(
	        "; [0-9]+ occurrences, the last (?<to>[0-9T:.Z-]+)$")?
	        // null) as $range
	    | if $range == null then $first
	      else range($first; ($range.to | ms) + 1; $step) end;
	($marks | split("\n") | map(select(test("^[0-9]{4}-")))) as $ran
	| ($ran | group_by(.) | map({key: .[0], value: length})
	    | from_entries) as $times_run
	| [$record[0][] | select(.occurrence | test("^[0-9]{4}-"))] as $all
	| ($all | group_by(.id) | map(max_by(.attempt))) as $runs
	| [$runs[] | times] as $have
	| ($have | sort) as $sorted
	| if ($sorted | length) == 0 then "\("no occurrence is on record")"
	  else
	    ($sorted | group_by(.)[] | select(length > 1)
	        | "on record twice: \(.[0] / 1000 | todate)"),
	    (range(1; $sorted | length) as $i
	        | select($sorted[$i] - $sorted[$i - 1] > $step)
	        | "nothing on record between \($sorted[$i - 1] / 1000
	            | todate) and \($sorted[$i] / 1000 | todate)"),
	    ($times_run | to_entries[] | select(.value > 1)
	        | "ran \(.value) times: \(.key)"),
	    ($runs[] | ($times_run[.occurrence] // 0) as $n
	        | if .state == "succeeded" then
	            select($n != 1) | "succeeded, ran \($n) times: "
	                + .occurrence
	          elif .state == "skipped" or .state == "missed" then
	            select($n != 0 or (.reason // "") == "")
	            | "\(.state), ran \($n) times, reason \(.reason): "
	                + .occurrence
	          else "ended as \(.state) (\(.reason)): " + .occurrence end),
	    (([$runs[].occurrence] | INDEX(.)) as $known | $ran[]
	        | select($known[.] == null) | "ran, not on record: \(.)")
	  end' >"$T/account.$job"
	[ ! -s "$T/account.$job" ] || {
		head -n 40 "$T/account.$job"
		return 1
	}
}

# merged BROKER [JOB [STEP [FILE]]]
merged()
{
	never_two "$1"
	one_epoch_each "$1"
	every_occurrence "$1" "${2:-tick}" "${@:3}"
	echo "$(wc -l <"$T/work") times at work, $(
	    cut -d ' ' -f 4 "$T/work" | sort -n | tail -n 1) epochs"
}

# account BROKER: ends the job tick and checks everything.  It has to have been
# due: a case may be over sooner than that.
account()
{
	wait_for 10 test -s "$T/fired"
	m "$1" job pause tick >/dev/null
	wait_for 60 quiet "$1"
	merged "$1"
}
