# on_broker_loss = "continue": the Scheduler goes on without its broker.  What a
# user would lose: the runs that were the reason to set it, or the truth about
# which of them ran twice.
#
# a is the broker and no agent, b the Scheduler, c (where there is one) a spare.
# The job tick is due each second and local; far is due each second and is for
# any agent, so that it waits for the broker.

load lib
load merged

cluster()
{
	dedicated a
	fast a on_broker_loss=continue
	node b "agent: { initial_status = \"on\"; };"
	join a b
	wait_for 10 scheduler_is a b
	jobs "${1:-}" | apply a
	wait_for 10 test -s "$T/fired"
	wait_for 10 test -s "$T/far"
}

jobs()
{
	cat <<-END
	jobs = (
	    { name = "tick"; triggers = ( { every = "1s"; } );
	      shell = "echo \$MUSTER_OCCURRENCE >>$T/fired";
	      misfire = "all"; overlap = "allow"; },
	    { name = "far"; triggers = ( { every = "1s"; } );
	      shell = "echo \$MUSTER_OCCURRENCE >>$T/far";
	      distribution = "one"; misfire = "all";
	      overlap = "allow"; } $1 );
	END
}

lines()
{
	wc -l <"$T/$1"
}

at_least()
{
	[ "$(lines "$1")" -ge "$2" ]
}

# It goes on by itself, and N more occurrences are written.
alone()
{
	wait_for 20 is b true .local status
	wait_for 20 at_least fired $(($(lines fired) + ${1:-3}))
}

# Two more occurrences have come due by the clock.
due()
{
	local until=$(($(now_ms) + 2000))

	wait_for 5 past "$until"
}

past()
{
	[ "$(now_ms)" -gt "$1" ]
}

told()
{
	wait_for 30 is b "0 false" '"\(.spooled) \(.local)"' status
}

ended()
{
	m a job pause tick
	m a job pause far
	wait_for 60 quiet a
}

@test "the broker dies: local runs go on, and all is on record once" {
	local far

	cluster
	kill9 a
	wait_for 20 is b true .local status
	far=$(lines far)
	alone 4
	[ "$(lines far)" -le $((far + 1)) ]
	# It is on, its lease is over, and it says what it does.
	is b "scheduler on true true" \
	    '"\(.role) \(.status) \(.suspended) \(.spooled > 0)"' status
	is b true '[.alerts[] | select(.code == "alone")] | length == 1' status
	refused 3 "goes on with its own local runs" m b agent list
	start a
	told
	wait_for 20 scheduler_is a b
	wait_for 10 fires a "$(now_ms)"
	# Both sides say it once more.
	is b true 'any(.alerts[]; .code == "went_on_alone")' status
	is a true 'any(.alerts[]; .code == "went_on_alone" and .node == "b")' \
	    status
	is b false 'any(.alerts[]; .code == "alone")' status
	ended
	every_occurrence a tick
	every_occurrence a far 1000 "$T/far"
	is a 0 '[.[] | select(.doubled)] | length' run list --limit 10000
	is a true '[.[] | select(.alone != null and .agent == "b")]
	    | length >= 4' run list --job tick --limit 10000
}

# The number that the job is told is the node's own for one that it started by
# itself; the record has both.
@test "runs that go on while the broker comes and goes are followed" {
	local run

	cluster ', { name = "long"; triggers = ( { every = "1s"; } );
	    shell = "until test -e '"$T"'/go; do sleep 0.1; done;
	        echo $MUSTER_RUN >>'"$T"'/numbers; echo run $MUSTER_RUN";
	    overlap = "skip"; }'
	wait_for 10 has_running
	run=$(running)
	kill9 a
	alone 2
	touch "$T/go"			# the one that the broker sent
	wait_for 10 grep -qx "$run" "$T/numbers"
	rm "$T/go"
	alone 3
	start a
	told
	wait_for 20 is a "succeeded false null" \
	    '"\(.state) \(.late) \(.alone)"' run show "$run"
	wait_for 20 has_running
	run=$(running)
	is a false ".alone == null or .alone == $run" run show "$run"
	touch "$T/go"
	wait_for 20 is a succeeded .state run show "$run"
	[ "$(m a run log "$run")" = "run $(q a .alone run show "$run")" ]
	m a job pause long
	ended
	every_occurrence a tick
}

running()
{
	q a '[.[] | select(.state == "running")] | if length == 1 then .[0].id
	    else "" end' run list --job long --limit 10000
}

has_running()
{
	[ -n "$(running)" ]
}

@test "kill -9 in the middle: nothing is lost, nothing starts twice" {
	local n

	cluster
	kill9 a
	alone 3
	kill9 b
	n=$(lines fired)
	start b
	# ON, but one that starts needs a grant first.
	is b "true true false" '"\(.suspended) \(.spooled > 0) \(.local)"' status
	due
	[ "$(lines fired)" -le $((n + 1)) ]
	start a
	told
	wait_for 20 scheduler_is a b
	wait_for 10 fires a "$(now_ms)"
	ended
	every_occurrence a tick
	every_occurrence a far 1000 "$T/far"
}

@test "a broker that hangs is the same, and a setting that it could not tell" {
	cluster
	freeze a
	alone 3
	thaw a
	told
	wait_for 20 scheduler_is a b
	m a setting set on_broker_loss=suspend
	kill9 a
	wait_for 20 is b true .suspended status
	is b false .local status
	start a
	wait_for 20 scheduler_is a b
	wait_for 10 fires a "$(now_ms)"
	ended
	every_occurrence a tick
}
