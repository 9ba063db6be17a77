# exactly.bash, and the broker that dies among it.

load lib
load merged
load exactly

SLOW=1

setup()
{
	world
	dedicated a
	fast_restart a
	load_exactly
}

@test "five kill -9 of the Scheduler" {
	five_kills
}

@test "three pauses of the Scheduler, longer than every timeout" {
	three_pauses
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
