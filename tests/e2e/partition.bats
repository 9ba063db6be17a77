# The Scheduler is cut off from the broker in every way a network knows, each
# node in a network namespace of its own.  What a user would lose: two work at
# once, or an occurrence is doubled or gone without a word.
#
# a is the broker and no agent, b the Scheduler, c the spare.  Every timeout is
# at its least (slow/partition.bats has more); the job is due each second.

load lib
load merged
load netns

setup()
{
	world
	network a b c
	E2E_LOG=debug
	crew
}

@test "nothing passes in either direction, and nobody is told" {
	sever b a
	taken_over
}

@test "what the Scheduler says does not arrive, what it is told does" {
	lose b a
	taken_over
}

@test "what the Scheduler is told does not arrive, what it says does" {
	lose a b
	taken_over
}

@test "connections are refused" {
	refuse b a
	taken_over
}

@test "healed before the lease ends: nothing moves" {
	local epoch=$(q a .epoch status)

	m a setting set connection_timeout=6s lease=3s off_timeout=4s >/dev/null
	wait_for 5 is b true '.lease_left > 2' status
	sever b a
	sleep 1			# the fault itself, as below
	healed 6
	scheduler_is a b
	[ "$(q a .epoch status)" -eq "$epoch" ]
	! grep -q "stopped:.*the lease ran out" "$T/b/log"
	account a
}

@test "healed after the lease, before connection_timeout: it goes on" {
	local epoch=$(q a .epoch status)

	m a setting set connection_timeout=8s >/dev/null
	sever b a
	wait_for 5 is b true .suspended status
	healed 8
	scheduler_is a b
	[ "$(q a .epoch status)" -eq "$epoch" ]
	grep -q "stopped:.*the lease ran out" "$T/b/log"
	account a
}

@test "the broker is cut off from everybody" {
	sever b a
	sever c a
	wait_for 5 is b true .suspended status
	wait_for 10 is a 0 '[.[] | select(.connected)] | length' agent list
	healed
	account a
}
