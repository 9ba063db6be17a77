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

alert_on()
{
	is a "${2:-true}" "any(.alerts[]; .code == \"$1\")" status
}

# Tick wrote an occurrence after MS; a standalone node has no Scheduler.
wrote()
{
	[ "$(ms_of "$(tail -n 1 "$T/fired")")" -gt "$1" ]
}

# A standalone node, since other nodes would say that its clock is off.
@test "a clock that is 100 days ahead for a while deletes nothing, silences nothing" {
	node a
	apply a <<<"$(ticking 1s once)"
	wait_for 15 wrote 0
	touch -d "-2 days" "$T/a/state/output/old"
	step a +8640000
	wait_for 70 alert_on clock_jumped
	stop a
	start a				# it looks at old outputs at once
	wait_for 15 wrote $(($(now_ms) + 8000000000))
	step a +0
	wait_for 70 alert_on job_silent
	[ -f "$T/a/state/output/old" ]
	[ "$(q a 'map(.id) | min' run list --limit 100000)" -eq 1 ]
	m a job pause tick
	m a job resume tick
	rm "$T/fired"
	wait_for 15 wrote 0
	[ "$(ms_of "$(tail -n 1 "$T/fired")")" -lt $(($(now_ms) + 2000)) ]
	wait_for 70 alert_on job_silent false
}
