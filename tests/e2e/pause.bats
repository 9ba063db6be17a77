# SIGSTOP and SIGCONT, longer than every timeout: of the broker, of broker and
# Scheduler at once, of a spare in the middle of its grant (of the Scheduler
# alone: exactly.bats).  What a user would lose: a node that was asleep goes on
# as if nothing had happened, and two are at work.

load lib
load merged
load gate

setup()
{
	world
	gated a
	E2E_LOG=debug
	crew
}

suspended()
{
	is b true .suspended status
}

# After the last fault somebody is at work within connection_timeout + 2 s.
settled()
{
	wait_for 3 scheduler_other_than a ""
	wait_for 5 fires a "$(now_ms)"
	wait_for 15 is a "2 1" '[.[] | select(.connected)]
	    | "\(length) \([.[] | select(.status == "on")] | length)"' agent list
	account a
}

@test "the broker is stopped for longer than every timeout" {
	freeze a
	wait_for 5 suspended
	sleep 3
	thaw a
	settled
}

@test "broker and Scheduler are stopped; the broker wakes first" {
	freeze a
	freeze b
	sleep 3
	thaw a
	wait_for 5 scheduler_is a c
	thaw b
	settled
}

@test "broker and Scheduler are stopped; the Scheduler wakes first" {
	freeze b
	freeze a
	sleep 3
	thaw b
	wait_for 5 suspended
	thaw a
	settled
}

@test "a spare is stopped in the middle of its grant" {
	local fires

	node d
	join a d
	close_gate a
	kill9 b
	gate_at a "epoch = 2"
	# It is granted this, and sleeps until another one has the role.
	local to=$(on_disk a "select name from member, role
	    where member.id = holder + 0") other=c
	[ "$to" != c ] || other=d
	freeze "$to"
	open_gate a
	wait_for 8 scheduler_is a "$other"
	wait_for 5 fires a "$(now_ms)"
	thaw "$to"
	wait_for 5 is a off ".[] | select(.name == \"$to\") | .status" agent list
	start b
	wait_for 5 is a true '.[] | select(.name == "b") | .connected' agent list
	scheduler_is a "$other"
	# It took the grant when it woke, or it never did: it fired nothing.
	fires=$(grep -c '^debug fire cluster=a ' "$T/$to/log" || true)
	[ "$fires" -eq 0 ]
	account a
}
