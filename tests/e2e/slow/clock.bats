# clock.bats goes on: what an operator said how long it shall last.

load ../lib
load ../merged
load ../clock

setup()
{
	world
	own_clocks
}

off_by()
{
	is a true "(.clock_skew - (${2#+}) | fabs) < 1" agent show "$1"
}

pinned()
{
	is a "$1" '.[] | select(.name == "c") | .pinned_until != null' agent list
}

@test "a pin lasts as long as was said, whatever the broker's clock does" {
	local by set

	crew
	for by in +3600 -3600; do
		m a agent on c --for 3s
		set=$(now_ms)
		pinned true
		step a "$by"
		wait_for 10 pinned false
		echo "$by: over $(($(now_ms) - set)) ms after it was set"
		[ $(($(now_ms) - set)) -ge 2800 ]
		step a +0
		wait_for 5 off_by c 0
	done
	# A broker that starts knows it by the wall clock, and how long it was.
	m a agent on c --for 3s
	kill9 a
	step a -3600
	start a
	set=$(now_ms)
	wait_for 5 scheduler_is a c
	wait_for 10 pinned false
	echo "restarted: over $(($(now_ms) - set)) ms after the start"
}
