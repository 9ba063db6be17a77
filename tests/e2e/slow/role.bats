# The cases of the Scheduler role at the default timeouts: connection_timeout
# 15 s, off_timeout 5 s, lease 4 s, heartbeat 1 s.

load ../lib

setup()
{
	world
	dedicated a
	node b "agent: { initial_status = \"on\"; };"
	node c
	join a b
	join a c
	wait_for 40 scheduler_is a b
	apply a <<<"$(ticking 1s all)"
	wait_for 10 test -s "$T/fired"
}

@test "case 1 at 15 s: not before, and soon after; nothing is missed" {
	local dead granted

	dead=$(now_ms)
	kill9 b
	wait_for 20 scheduler_is a c
	granted=$(ms_of "$(q a '[.[] | select(.case == 1 and .to == "c")][0].at' \
	    why)")
	echo "granted $((granted - dead)) ms after the kill"
	[ $((granted - dead)) -ge 13900 ]
	[ $((granted - dead)) -le 15500 ]
	start b
	wait_for 10 is a off '.[] | select(.name == "b") | .status' agent list
	m a job pause tick
	wait_for 30 quiet a
	exactly_once a
}

@test "case 4 with a silent Scheduler at off_timeout 5 s" {
	local asked granted

	freeze b
	asked=$(now_ms)
	m a agent on c
	wait_for 8 scheduler_is a c
	granted=$(ms_of "$(q a '[.[] | select(.case == 4)][0].steps[-1].at' why)")
	echo "c after $((granted - asked)) ms"
	[ $((granted - asked)) -ge 3900 ]
	[ $((granted - asked)) -le 5800 ]
	thaw b
	wait_for 10 is a off '.[] | select(.name == "b") | .status' agent list
	m a job pause tick
	wait_for 30 quiet a
	exactly_once a
}

@test "cases 4 and 5 with a Scheduler that answers take no timeout" {
	local asked

	asked=$(now_ms)
	m a agent on c
	[ $(($(now_ms) - asked)) -lt 1500 ]
	wait_for 2 scheduler_is a c
	asked=$(now_ms)
	m a agent off c
	[ $(($(now_ms) - asked)) -lt 1500 ]
	wait_for 2 scheduler_is a b
	m a job pause tick
	wait_for 30 quiet a
	exactly_once a
}

@test "case 5 with a silent Scheduler" {
	freeze b
	m a agent off b
	wait_for 8 scheduler_is a c
	thaw b
	wait_for 10 is a "off true" \
	    '.[] | select(.name == "b") | "\(.status) \(.held_off)"' agent list
	m a job pause tick
	wait_for 30 quiet a
	exactly_once a
}

@test "case 2: a condition over time" {
	m a setting set transfer_on_condition=true switch_min_interval=0s \
	    "switch_condition=name = \"b\" for 3s" sample_interval=500ms
	wait_for 15 scheduler_is a c
	is a true 'any(.[]; .case == 2 and .to == "c")' why
}

@test "the broker restarts: the Scheduler goes on within its lease" {
	local epoch

	epoch=$(q a .epoch agent show b)
	kill9 a
	start a
	wait_for 10 scheduler_is a b
	is a "$epoch" .epoch agent show b
	m a job pause tick
	wait_for 30 quiet a
	exactly_once a
}

@test "the broker is away for longer than the lease: suspended, caught up" {
	kill9 a
	wait_for 10 is b true .suspended status
	start a
	wait_for 30 scheduler_other_than a ""
	wait_for 10 is a true 'length > 0' run list --job tick
	m a job pause tick
	wait_for 30 quiet a
	exactly_once a
}
