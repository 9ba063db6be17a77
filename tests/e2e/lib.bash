# Real daemons on loopback for the tests here: each node has its own state
# directory, socket, port and log below $T, and everything that was started is
# gone after the test, runs and keepers included.
#
#   load lib                      (from slow/: load ../lib)
#   broker a; node b; node c      configure and start
#   join a b; join a c worker     the whole handshake
#   m b status                    muster, asked of node b
#   q a '.[0].name' agent list    the same with --json, through jq -r
#   wait_for 5 is a 2 length agent list

bats_require_minimum_version 1.5.0

E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
B=${MUSTER_BUILD:-$E2E/../../build}
case $B in /*) ;; *) B=$E2E/../../$B ;; esac
export LC_ALL=C.UTF-8 TZ=UTC
unset MUSTER_SOCKET SSH_AUTH_SOCK

# Every timeout at its least: a dead Scheduler is replaced after one second.
FAST="connection_timeout=1s off_timeout=1s grant_timeout=1s lease=800ms
    heartbeat=200ms sample_interval=500ms"

world()
{
	T=$(mktemp -d "${TMPDIR:-/tmp}/muster-e2e.XXXXXX")
	mkdir "$T/home"
	export HOME=$T/home
}

setup()
{
	world
}

# Commands that take back what was made outside $T: namespaces, mounts.
UNDO=()

teardown()
{
	local log undo

	if [ "${BATS_TEST_COMPLETED:-}" != 1 ]; then
		for log in "$T"/*/log; do
			[ -f "$log" ] || continue
			echo "--- ${log#"$T"/}"
			tail -n 60 "$log"
		done
	fi
	sweep
	for undo in "${UNDO[@]}"; do
		"$undo"
	done
	[ -n "${E2E_KEEP:-}" ] && echo "kept: $T" >&3 || rm -rf "$T"
}

# ---- the end of everything ----

descendants()
{
	local child

	# An empty parent would mean every process of the machine's.
	[ "${1:-0}" -gt 1 ] || return 0
	for child in $(pgrep -P "$1"); do
		descendants "$child"
		echo "$child"
	done
}

keepers()
{
	local p

	for p in $(pgrep -x muster-keeper); do
		tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null |
		    grep -q "$T/${1:-}" && echo "$p"
	done
	return 0
}

sweep()
{
	local f k p

	# Daemons first, so that none starts a keeper again.
	for f in "$T"/*/pid; do
		[ -f "$f" ] || continue
		p=$(cat "$f")
		kill -KILL "$p" 2>/dev/null
		kill -CONT "$p" 2>/dev/null
	done
	for k in $(keepers); do
		p=$(descendants "$k")
		kill -KILL $k $p 2>/dev/null
	done
	return 0
}

# ---- waiting ----

now_ms()
{
	date +%s%3N
}

# wait_for SECONDS COMMAND...: until it is true, or fail with what it was.
wait_for()
{
	local limit=$1 until

	shift
	until=$(($(now_ms) + limit * 1000))
	until "$@" >/dev/null 2>&1; do
		if [ "$(now_ms)" -gt "$until" ]; then
			echo "not within $limit s: $*"
			"$@" || true
			return 1
		fi
		sleep 0.05
	done
}

# ---- asking ----

m()
{
	local node=$1

	shift
	"$B/muster" -S "$T/$node/sock" "$@"
}

q()
{
	local node=$1 filter=$2

	shift 2
	m "$node" "$@" --json | jq -r "$filter"
}

# is NODE EXPECTED FILTER WORDS...
is()
{
	local node=$1 want=$2 filter=$3 got

	shift 3
	got=$(q "$node" "$filter" "$@")
	[ "$got" = "$want" ] || {
		echo "$node: $* | $filter: \"$got\", not \"$want\""
		return 1
	}
}

# refused STATUS TEXT COMMAND...: its exit status, one line with that text.
refused()
{
	local want=$1 text=$2

	shift 2
	run "$@"
	echo "status $status: $output"
	[ "$status" -eq "$want" ]
	[[ "$output" == *"$text"* ]]
	[ "${#lines[@]}" -eq 1 ]
}

# 2026-11-22T01:02:03.456Z in ms
ms_of()
{
	date -d "$1" +%s%3N
}

scheduler()
{
	q "${1:-a}" '[.[] | select(.role == "scheduler" and .connected
	    and (.suspended | not))] | if length == 1 then .[0].name
	    else "" end' agent list
}

scheduler_is()
{
	[ "$(scheduler "$1")" = "$2" ]
}

scheduler_other_than()
{
	local s

	s=$(scheduler "$1")
	[ -n "$s" ] && [ "$s" != "$2" ]
}

# ---- nodes ----

free_port()
{
	local p

	while :; do
		p=$((10000 + (RANDOM * 32768 + RANDOM) % 20000))
		(: <>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || break
	done
	echo "$p"
}

port()
{
	cat "$T/$1/port"
}

# Where a node listens, and the words before its command line: netns.bash and
# clock.bash say otherwise.  Those must end in exec, so that the pid is its own.
address()
{
	echo 127.0.0.1
}

prefix()
{
	PREFIX=()
}

at()
{
	echo "$(address "$1"):$(port "$1")"
}

# configure NAME [LIBCONFIG...]: groups given replace nothing, they are added.
configure()
{
	local name=$1

	shift
	mkdir -p "$T/$name"
	[ -f "$T/$name/port" ] || free_port >"$T/$name/port"
	cat >"$T/$name/conf" <<-END
	node: { name = "$name"; state_dir = "$T/$name/state";
	    socket = "$T/$name/sock"; };
	listen: { address = "$(address "$name")"; port = $(port "$name"); };
	log: { level = "${E2E_LOG:-info}"; };
	$*
	END
}

ready()
{
	gone "$(pid "$1")" || m "$1" status
}

# A line of the test's own in the node's log: see merged.bash.
mark()
{
	# Hundredths, cut off: it may have fired within this one.
	echo "test boottime=$(cut -d ' ' -f 1 /proc/uptime)99 $2" >>"$T/$1/log"
}

start()
{
	local name=$1

	mark "$name" starts
	prefix "$name"
	"${PREFIX[@]}" "$B/musterd" -c "$T/$name/conf" >>"$T/$name/log" 2>&1 \
	    </dev/null 3>&- &
	echo $! >"$T/$name/pid"
	disown $! 2>/dev/null || true
	wait_for 15 ready "$name"
	! gone "$(pid "$name")" || {
		echo "musterd $name has ended: $(tail -n 1 "$T/$name/log")"
		return 1
	}
}

pid()
{
	cat "$T/$1/pid"
}

gone()
{
	! kill -0 "$1" 2>/dev/null
}

broker()
{
	local name=$1

	shift
	configure "$name" "broker: { enabled = true; };" "$@"
	start "$name"
}

# A broker that is no agent of itself.
dedicated()
{
	local name=$1

	shift
	configure "$name" \
	    "broker: { enabled = true; local_agent = false; };" "$@"
	start "$name"
}

node()
{
	local name=$1

	shift
	configure "$name" "$@"
	start "$name"
}

kill9()
{
	kill -KILL "$(pid "$1")"
	wait_for 10 gone "$(pid "$1")"
	mark "$1" killed
}

stop()
{
	kill -TERM "$(pid "$1")"
	wait_for 15 gone "$(pid "$1")"
	mark "$1" stopped
}

freeze()
{
	kill -STOP "$(pid "$1")"
}

thaw()
{
	kill -CONT "$(pid "$1")"
}

# ---- clusters ----

# request BROKER NODE [AS]; token BROKER NODE: the steps of the handshake.
request()
{
	m "$2" join request "$(at "$1")" --as "${3:-agent}" >/dev/null
}

token()
{
	m "$1" join accept "$2" >/dev/null
	q "$1" .token join token "$2"
}

join()
{
	local tok

	request "$1" "$2" "${3:-agent}"
	tok=$(token "$1" "$2")
	m "$2" join complete "$(at "$1")" - <<<"$tok" >/dev/null
	wait_for 10 is "$1" true \
	    ".[] | select(.name == \"$2\") | .connected and .sync.behind == 0" \
	    agent list
}

# A timer that runs already is not shortened: a broker that shall choose its
# first Scheduler soon is started again.
fast()
{
	# shellcheck disable=SC2086
	m "$1" setting set $FAST "${@:2}" >/dev/null
}

fast_restart()
{
	fast "$1"
	stop "$1"
	start "$1"
}

apply()
{
	m "$1" apply - >/dev/null
}

# A job that writes its occurrence to $T/fired, one a line.  A run of it whose
# agent is away keeps its slot: there are more.
ticking()
{
	echo "queues = ( { name = \"ticks\"; rules = (
	    { run_on = \"broker_or_agents\"; max_parallel = 100; } ); } );
	    jobs = ( { name = \"tick\"; queue = \"ticks\"; triggers = ( { every = \"${1:-1s}\"; } );
	    shell = \"echo \$MUSTER_OCCURRENCE >>$T/fired\";
	    distribution = \"local\"; misfire = \"${2:-all}\";
	    overlap = \"allow\"; } );"
}

# fires BROKER MS: there is a Scheduler, and tick wrote an occurrence after MS.
fires()
{
	[ -n "$(scheduler "$1")" ] &&
	    [ "$(ms_of "$(tail -n 1 "$T/fired")")" -gt "$2" ]
}

# a is a broker and no agent, b the Scheduler, c a spare; tick is due each
# second.  SETTINGS are those of fast unless given.
crew()
{
	dedicated a
	# shellcheck disable=SC2086
	m a setting set ${1:-$FAST} >/dev/null
	node b "agent: { initial_status = \"on\"; };"
	node c
	join a b
	join a c
	wait_for 40 scheduler_is a b
	apply a <<<"$(ticking 1s all)"
	wait_for 20 fires a 0
}

run_state()
{
	q "$1" .state run show "$2"
}

ended()
{
	case $(run_state "$1" "$2") in
	succeeded | failed | killed | timed_out | aborted | lost | refused | \
	    skipped | missed) ;;
	*) return 1 ;;
	esac
}

# No run of the cluster is under way.
quiet()
{
	is "$1" 0 '[.[] | select(.ended_at == null)] | length' \
	    run list --limit 100000
}

# Every second from the first to the last occurrence of tick exactly once, in
# the file that the job writes and in the record.  STEP in seconds.
exactly_once()
{
	local broker=$1 step=${2:-1}

	q "$broker" '.[] | .occurrence' run list --job tick --limit 100000 \
	    >"$T/recorded"
	q "$broker" '.[] | select(.state != "succeeded")
	    | "\(.occurrence) \(.state)"' run list --job tick --limit 100000 \
	    >"$T/not-succeeded"
	[ ! -s "$T/not-succeeded" ] || {
		echo "not succeeded:"
		cat "$T/not-succeeded"
		return 1
	}
	sort "$T/recorded" >"$T/recorded.sorted"
	sort "$T/fired" >"$T/fired.sorted"
	diff "$T/recorded.sorted" "$T/fired.sorted" || {
		echo "above: < in the record only, > run only"
		return 1
	}
	[ -z "$(uniq -d "$T/fired.sorted")" ] || {
		echo "twice:"
		uniq -d "$T/fired.sorted"
		return 1
	}
	while read -r at; do
		date -d "$at" +%s
	done <"$T/fired.sorted" | awk -v step="$step" '
	    NR > 1 && $1 != last + step { print "gap: " last " " $1; bad = 1 }
	    { last = $1 }
	    END { exit bad }'
}

# shape NODE "FIELD:TYPE|TYPE..." WORDS...: every object of the answer has these
# fields with these types (of JSON; also time: RFC 3339 UTC with milliseconds,
# and int).  FIELD may be a.b.  At least one object must be there.
shape()
{
	local node=$1 spec=$2 bad

	shift 2
	bad=$(m "$node" "$@" --json | jq -r --arg spec "$spec" '
	def there($p): if ($p | length) == 0 then true
	    elif type == "object" and has($p[0])
	    then .[$p[0]] | there($p[1:]) else false end;
	def is_a($t): . as $v | $t | if . == "time" then ($v | type == "string"
	        and test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z$"))
	    elif . == "int" then ($v | type == "number" and . == floor)
	    else . == ($v | type) end;
	(if type == "array" then . else [.] end)
	| if length == 0 then "nothing there" else .[] as $o
	  | [$spec | scan("[^ \n\t]+")][] | split(":") as [$k, $t]
	  | ($k | split(".")) as $p
	  | if ($o | there($p) | not) then "\($k): missing"
	    else ($o | getpath($p)) as $v
	    | if any($t | split("|")[]; . as $x | $v | is_a($x)) then empty
	      else "\($k): \($v) is no \($t)" end end end' | sort -u)
	[ -z "$bad" ] || {
		echo "$*: $bad"
		return 1
	}
}
