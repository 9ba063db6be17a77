# partition.bats at the default timeouts (connection_timeout 15 s, lease 4 s,
# off_timeout 5 s), cuts that last, and links that come and go.

load ../lib
load ../merged
load ../netns

setup()
{
	world
	network a b c
	E2E_LOG=debug
}

defaults()
{
	crew connection_timeout=15s
}

@test "15 s: nothing passes in either direction, and nobody is told" {
	defaults
	sever b a
	taken_over 15
}

@test "15 s: what the Scheduler says does not arrive, what it is told does" {
	defaults
	lose b a
	taken_over 15
}

@test "15 s: what the Scheduler is told does not arrive, what it says does" {
	defaults
	lose a b
	taken_over 15
}

@test "15 s: healed after the lease, before connection_timeout: it goes on" {
	local epoch

	defaults
	epoch=$(q a .epoch status)
	sever b a
	wait_for 6 is b true .suspended status
	healed 15
	scheduler_is a b
	[ "$(q a .epoch status)" -eq "$epoch" ]
	account a
}

@test "15 s: the broker is cut off from everybody for 40 s" {
	defaults
	sever b a
	sever c a
	sleep 40
	is b true .suspended status
	is a 0 '[.[] | select(.connected)] | length' agent list
	healed 15
	account a
}

@test "1 s: the broker is cut off from everybody for 20 s" {
	crew
	sever b a
	sever c a
	sleep 20
	is a 0 '[.[] | select(.connected)] | length' agent list
	healed
	account a
}

@test "1 s: cut off in one direction for 20 s, then in the other" {
	crew
	lose b a
	wait_for 8 scheduler_is a c
	sleep 20
	heal
	lose a b
	sleep 20
	healed
	account a
}

@test "the Scheduler's link goes down" {
	crew
	unplug b
	taken_over
}

@test "a link that comes and goes" {
	local i

	crew
	for i in 1 2 3 4 5 6; do
		sever b a
		sleep 0.$((i + 1))
		heal
		wait_for 3 scheduler_other_than a ""
	done
	healed
	account a
}
