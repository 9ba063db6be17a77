# exactly.bats at the default timeouts.

load ../lib
load ../merged

setup()
{
	world
	dedicated a
	node b
	node c
	node d
	join a b
	join a c
	join a d
	apply a <<<"$(ticking 1s all)"
	wait_for 40 scheduler_other_than a ""
	wait_for 20 test -s "$T/fired"
}

finish()
{
	m a job pause tick
	wait_for 60 quiet a
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
		wait_for 30 scheduler_other_than a "$s"
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
		wait_for 30 scheduler_other_than a "$s"
		wait_for 30 later_than "$(($(now_ms) + 2000))"
		thaw "$s"
		wait_for 20 is a true \
		    ".[] | select(.name == \"$s\") | .connected" agent list
	done
	finish
}

later_than()
{
	[ "$(ms_of "$(tail -n 1 "$T/fired")")" -gt "$1" ]
}

@test "a soak: a minute of kills, pauses, moves and restarts of all" {
	local seed=${E2E_SEED:-$(date +%s)} until n

	echo "E2E_SEED=$seed"
	RANDOM=$seed
	fast a
	until=$(($(now_ms) + ${E2E_SOAK:-60} * 1000))
	while [ "$(now_ms)" -lt "$until" ]; do
		n=$(echo b c d | cut -d ' ' -f $((RANDOM % 3 + 1)))
		case $((RANDOM % 6)) in
		0) kill9 "$n"; start "$n" ;;
		1) kill9 a; start a ;;
		2) freeze "$n"
		   wait_for 10 scheduler_other_than a "$n" || true
		   thaw "$n" ;;
		3) m a agent on "$n" || true ;;
		4) m a agent off "$n" || true
		   m a agent release "$n" || true ;;
		5) stop "$n"; start "$n" ;;
		esac
	done
	wait_for 20 scheduler_other_than a ""
	finish
}
