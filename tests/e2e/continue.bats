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
	jobs | apply a
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
