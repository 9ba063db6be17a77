# What else is said of the Scheduler role, at the default timeouts:
# connection_timeout 15 s, off_timeout 5 s, lease 4 s, heartbeat 1 s.  The five
# cases by their rules: cases.bats.

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
