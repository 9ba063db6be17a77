# exactly.bash at the default timeouts.

load ../lib
load ../merged
load ../exactly

SLOW=3

setup()
{
	world
	dedicated a
	load_exactly
}

@test "five kill -9 of the Scheduler" {
	five_kills
}

@test "three pauses of the Scheduler, longer than every timeout" {
	three_pauses
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
