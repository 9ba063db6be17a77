# pause.bats at the default timeouts: everything that is stopped sleeps longer
# than connection_timeout (15 s).

load ../lib
load ../merged

setup()
{
	world
	E2E_LOG=debug
	crew connection_timeout=15s
}

settled()
{
	wait_for 17 scheduler_other_than a ""
	wait_for 10 fires a "$(now_ms)"
	wait_for 20 is a "2 1" '[.[] | select(.connected)]
	    | "\(length) \([.[] | select(.status == "on")] | length)"' agent list
	account a
}

@test "the Scheduler is stopped for 20 s" {
	freeze b
	sleep 20
	scheduler_is a c
	thaw b
	settled
	scheduler_is a c
}

@test "the broker is stopped for 20 s" {
	freeze a
	sleep 20
	is b true .suspended status
	thaw a
	settled
}

@test "broker and Scheduler are stopped for 20 s" {
	freeze a
	freeze b
	sleep 20
	thaw b
	wait_for 5 is b true .suspended status
	thaw a
	settled
}

@test "all are stopped for 20 s, as a machine that sleeps" {
	freeze a
	freeze b
	freeze c
	sleep 20
	thaw c
	thaw b
	thaw a
	settled
}
