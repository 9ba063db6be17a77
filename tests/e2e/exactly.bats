# A job of every second with misfire "all", while Schedulers die and hang: each
# occurrence runs once, on record and in the file that the job writes.

load lib
load merged

setup()
{
	world
	dedicated a
	fast_restart a
	node b
	node c
	node d
	join a b
	join a c
	join a d
	apply a <<<"$(ticking 1s all)"
	wait_for 10 scheduler_other_than a ""
	wait_for 10 test -s "$T/fired"
}

finish()
{
	m a job pause tick
	wait_for 30 quiet a
	exactly_once a
	never_two a
	wc -l <"$T/fired"
}

@test "five kill -9 of the Scheduler" {
	local i s

	for i in 1 2 3 4 5; do
		s=$(scheduler a)
		[ -n "$s" ]
		kill9 "$s"
		wait_for 10 scheduler_other_than a "$s"
		start "$s"
	done
	finish
}

@test "three pauses of the Scheduler, longer than every timeout" {
	local i s

	for i in 1 2 3; do
		s=$(scheduler a)
		[ -n "$s" ]
		freeze "$s"
		wait_for 10 scheduler_other_than a "$s"
		wait_for 5 fired_since "$(now_ms)"
		thaw "$s"
		wait_for 10 is a true \
		    ".[] | select(.name == \"$s\") | .connected" agent list
	done
	finish
}

# The job wrote an occurrence later than that.
fired_since()
{
	[ "$(ms_of "$(tail -n 1 "$T/fired")")" -gt "$1" ]
}

@test "the broker dies three times, in the middle of runs and of a move" {
	local i s

	for i in 1 2 3; do
		s=$(scheduler a)
		[ "$s" = b ] && s=c || s=b
		m a agent on "$s" >/dev/null &
		kill9 a
		start a
		wait_for 10 scheduler_other_than a ""
		wait_for 5 fired_since "$(now_ms)"
	done
	wait
	finish
}
