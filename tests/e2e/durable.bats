# What was acknowledged is done once, whatever dies.

load lib
load gate

# Submits runs until $T/stop is there; each acknowledged id goes to $T/acked.
submit()
{
	while [ ! -e "$T/stop" ]; do
		m a job run mark --json 2>/dev/null |
		    jq -r '.run // empty' >>"$T/acked" || true
	done
}

# Each acknowledged run is on record as succeeded and left its mark once.
kept()
{
	wait_for 60 quiet a
	[ "$(wc -l <"$T/acked")" -gt "${1:-20}" ]
	q a '.[] | select(.state == "succeeded") | .id' \
	    run list --job mark --limit 100000 | sort >"$T/succeeded"
	sort "$T/acked" >"$T/acked.sorted"
	sort "$T/marks" >"$T/marks.sorted"
	[ -z "$(uniq -d "$T/acked.sorted")" ]
	[ -z "$(uniq -d "$T/marks.sorted")" ]
	# Acknowledged means succeeded; what ran is on record.
	[ -z "$(comm -23 "$T/acked.sorted" "$T/succeeded")" ]
	diff "$T/succeeded" "$T/marks.sorted"
	wc -l <"$T/acked"
}

setup()
{
	world
	: >"$T/acked"
	: >"$T/marks"
}

marking()
{
	apply a <<<"jobs = ( { name = \"mark\"; queue = \"q\";
	    distribution = \"one\"; selection = \"round_robin\";
	    shell = \"echo \$MUSTER_RUN >>$T/marks\"; overlap = \"allow\"; } );
	queues = ( { name = \"q\"; rules = (
	    { run_on = \"broker_or_agents\"; max_parallel = 4; } ); } );"
}

acked()
{
	[ "$(wc -l <"$T/acked")" -ge "$1" ]
}

@test "the broker is killed five times while runs are submitted" {
	local i p

	dedicated a
	node b
	node c
	join a b
	join a c
	marking
	submit 3>&- &
	p=$!
	for i in 1 2 3 4 5; do
		wait_for 10 acked $((i * 8))
		kill9 a
		start a
	done
	wait_for 10 acked 60
	touch "$T/stop"
	wait $p
	kept
}

@test "agents are killed in turn while runs are submitted" {
	local i p n

	dedicated a
	node b
	node c
	join a b
	join a c
	marking
	submit 3>&- &
	p=$!
	for i in 1 2 3 4 5 6; do
		wait_for 10 acked $((i * 8))
		n=$([ $((i % 2)) -eq 0 ] && echo b || echo c)
		kill9 "$n"
		start "$n"
	done
	touch "$T/stop"
	wait $p
	kept
}

@test "a one-machine cluster is killed five times: each occurrence once" {
	local i

	broker a
	fast_restart a
	wait_for 10 scheduler_is a a
	apply a <<<"$(ticking 1s all)"
	for i in 1 2 3 4 5; do
		: >"$T/seen"
		wait_for 10 another
		kill9 a
		start a
	done
	wait_for 10 another
	m a job pause tick
	wait_for 20 quiet a
	exactly_once a
	[ "$(wc -l <"$T/fired")" -ge 6 ]
}

# The job has run once more since the last call that said so.
another()
{
	[ -s "$T/fired" ] || return 1
	[ -s "$T/seen" ] || {
		wc -l <"$T/fired" >"$T/seen"
		return 1
	}
	[ "$(wc -l <"$T/fired")" -gt "$(cat "$T/seen")" ] && : >"$T/seen"
}

@test "a standalone node hangs for longer than its lease: each occurrence once" {
	node a
	apply a <<<"$(ticking 1s all)"
	wait_for 6 test -s "$T/fired"
	freeze a
	wait_for 10 old_for 6
	thaw a
	wait_for 10 test "$(wc -l <"$T/fired")" -lt 999999
	: >"$T/seen"
	wait_for 15 another
	m a job pause tick
	wait_for 20 quiet a
	exactly_once a
}

# The last mark is that many seconds old.
old_for()
{
	[ $(($(date +%s) - $(date -r "$T/fired" +%s))) -ge "$1" ]
}

@test "a run whose intent the power could still take is not started" {
	gated a
	broker a
	apply a <<<"jobs = ( { name = \"mark\"; shell = \"echo >>$T/marks\"; } );"
	# The keeper is there.
	m a job run mark --wait
	[ "$(wc -l <"$T/marks")" -eq 1 ]
	touch "$T/a/gate/keeper.closed"
	m a job run mark
	wait_for 10 test -e "$T/a/gate/keeper.waiting"
	[ "$(wc -l <"$T/marks")" -eq 1 ]
	rm "$T/a/gate/keeper.closed"
	wait_for 10 quiet a
	[ "$(wc -l <"$T/marks")" -eq 2 ]
}
