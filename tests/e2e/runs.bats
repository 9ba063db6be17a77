# Runs: what an operator asks of them, and that they outlive daemons.

load lib

setup()
{
	world
	broker a
	node b
	join a b
	fast a
	apply a <<-END
	jobs = (
	  { name = "hello"; shell = "echo hello \$GREETING; echo oops >&2"; },
	  { name = "fails"; shell = "echo before; exit 7"; },
	  { name = "sleeps"; command = [ "/bin/sleep", "60" ]; grace = "1s"; },
	  { name = "counts"; distribution = "selected"; agents = [ "b" ];
	    shell = "for i in 1 2 3 4 5 6; do echo line \$i; sleep 1; done; exit 3"; },
	  { name = "sleepsb"; command = [ "/bin/sleep", "60" ]; grace = "1s";
	    distribution = "selected"; agents = [ "b" ]; },
	  { name = "waits"; distribution = "one"; requires = [ "tape" ];
	    command = [ "/bin/true" ]; },
	  { name = "slow"; command = [ "/bin/sleep", "60" ]; timeout = "1s";
	    grace = "1s"; },
	  { name = "again"; shell = "exit 1";
	    retries = { count = 2; delay = "0s"; on = [ "failed" ]; }; },
	  { name = "first"; command = [ "/bin/true" ];
	    on_success = [ "then" ]; },
	  { name = "then"; command = [ "/bin/true" ]; }
	);
	END
}

newest()
{
	q a '.[0].id' run list --job "$1" --limit 1
}

@test "job run --wait, run log, exit statuses" {
	run -0 m a job run hello --wait
	run -0 m a run log "$(newest hello)"
	[[ "$output" == *hello* ]]
	[[ "$output" == *oops* ]]
	run -1 m a job run fails --wait
	is a "failed 7" '"\(.state) \(.exit_code)"' run show "$(newest fails)"
	refused 5 "nosuch" m a job run nosuch
	refused 5 "999999" m a run log 999999
	run -1 m a job run slow --wait
	is a timed_out .state run show "$(newest slow)"
	# By an agent, through the broker.
	run -0 m b run log "$(newest fails)"
	[ "$output" = before ]
}

@test "run log -f follows to the end; run abort; retries and chains" {
	local id log

	m a job run counts
	id=$(newest counts)
	run -0 timeout 20 "$B/muster" -S "$T/a/sock" run log -f "$id"
	[ "$(grep -c line <<<"$output")" -eq 6 ]
	# From a node that is no broker, and from the middle.
	m a job run counts
	id=$(newest counts)
	run -0 timeout 20 "$B/muster" -S "$T/b/sock" run log -f "$id" --offset 7
	[ "$output" = "$(printf 'line %s\n' 2 3 4 5 6)" ]
	m a job run sleeps
	id=$(newest sleeps)
	wait_for 5 is a running .state run show "$id"
	m a run abort "$id" --reason "enough"
	wait_for 5 is a aborted .state run show "$id"
	refused 1 "" m a run abort "$id"
	run -1 m a job run again --wait
	is a "1 2 3" '[.[].attempt] | sort | map(tostring) | join(" ")' \
	    run list --job again
	m a job run first --wait
	wait_for 5 is a succeeded '.[0].state' run list --job then
	m a run retry "$(newest fails || true)" || true
}

@test "run explain says why a run waits, per agent" {
	local id

	m a job run waits
	id=$(newest waits)
	wait_for 5 is a waiting .state run show "$id"
	run -0 m a run explain "$id" --json
	jq -e 'tostring | test("tape")' <<<"$output"
	m a agent set b labels=tape
	wait_for 10 is a "succeeded b" '"\(.state) \(.agent)"' run show "$id"
}

@test "musterd killed and started again while a run goes on" {
	local id

	m a job run counts
	id=$(newest counts)
	wait_for 5 is a running .state run show "$id"
	kill9 b
	wait_for 5 is a unknown .state run show "$id"
	start b
	wait_for 15 ended a "$id"
	is a "failed 3 1" '"\(.state) \(.exit_code) \(.attempt)"' run show "$id"
	is a 1 length run list --job counts
	run -0 m a run log "$id"
	[ "$output" = "$(printf 'line %s\n' 1 2 3 4 5 6)" ]
	is a 1 '[.[] | select(.code == "nosuch")] | length + 1' event list
}

@test "the broker killed and started again while a run goes on" {
	local id

	m a job run counts
	id=$(newest counts)
	wait_for 5 is a running .state run show "$id"
	kill9 a
	start a
	wait_for 15 ended a "$id"
	is a "failed 3 1" '"\(.state) \(.exit_code) \(.attempt)"' run show "$id"
	run -0 m a run log "$id"
	[ "$(grep -c line <<<"$output")" -eq 6 ]
}

@test "what the broker acknowledged is there after kill -9" {
	local i

	for i in 1 2 3 4 5 6 7 8; do
		m a job run hello
	done
	kill9 a
	start a
	is a 8 length run list --job hello
	wait_for 15 quiet a
	is a 8 '[.[] | select(.state == "succeeded")] | length' \
	    run list --job hello
}

@test "a run's agent and its keeper die: lost at once, never started again" {
	local id k

	m a job run counts
	id=$(newest counts)
	wait_for 5 is a running .state run show "$id"
	kill9 b
	k=$(keepers b)
	[ "$k" -gt 1 ]
	kill -KILL $(descendants "$k") "$k"
	start b
	wait_for 10 ended a "$id"
	[[ "$(run_state a "$id")" =~ ^(lost|killed)$ ]]
	is a 1 length run list --job counts
}

@test "a late result replaces lost, once, and is marked late" {
	local id

	m a setting set lost_after=1s
	m a job run counts
	id=$(newest counts)
	wait_for 5 is a running .state run show "$id"
	kill9 b
	wait_for 6 is a lost .state run show "$id"
	start b
	wait_for 15 is a "failed 3 true" '"\(.state) \(.exit_code) \(.late)"' \
	    run show "$id"
	is a 1 length run list --job counts
	run -0 m a run log "$id"
	[ "$(grep -c line <<<"$output")" -eq 6 ]
}

@test "a run ends while broker and musterd are both away" {
	local id

	m a job run counts
	id=$(newest counts)
	wait_for 5 is a running .state run show "$id"
	kill9 a
	kill9 b
	# The run is the keeper's: it ends without either.
	wait_for 15 eval '[ -z "$(descendants "$(keepers b)")" ]'
	start a
	is a unknown .state run show "$id"
	start b
	wait_for 10 ended a "$id"
	is a "failed 3 1" '"\(.state) \(.exit_code) \(.attempt)"' run show "$id"
	run -0 m a run log "$id"
	[ "$(grep -c line <<<"$output")" -eq 6 ]
}

@test "an abort asked while the agent is away is done when it returns" {
	local id

	m a job run sleepsb
	id=$(newest sleepsb)
	wait_for 5 is a running .state run show "$id"
	kill9 b
	wait_for 5 is a unknown .state run show "$id"
	m a run abort "$id"
	start b
	wait_for 10 is a aborted .state run show "$id"
}

@test "an abort that was told is not forgotten by a broker that dies" {
	local id

	m a job run sleepsb
	id=$(newest sleepsb)
	wait_for 5 is a running .state run show "$id"
	kill9 b
	wait_for 5 is a unknown .state run show "$id"
	m a run abort "$id"
	kill9 a
	start a
	start b
	wait_for 10 is a aborted .state run show "$id"
}

@test "replace, skip and queue of overlapping runs" {
	apply a <<-END
	jobs = (
	  { name = "skips"; command = [ "/bin/sleep", "30" ]; overlap = "skip";
	    grace = "1s"; distribution = "selected"; agents = [ "b" ];
	    triggers = ( { every = "1s"; } ); },
	  { name = "replaces"; command = [ "/bin/sleep", "30" ];
	    overlap = "replace"; grace = "1s"; distribution = "selected";
	    agents = [ "b" ]; triggers = ( { every = "1s"; } ); }
	);
	END
	wait_for 20 scheduler_other_than a ""
	wait_for 15 is a true 'any(.[]; .state == "skipped")' run list --job skips
	is a 1 '[.[] | select(.state == "running")] | length' run list --job skips
	wait_for 15 is a true '[.[] | select(.state == "aborted")] | length > 1' \
	    run list --job replaces
	m a job pause skips
	m a job pause replaces
	wait_for 10 is a true '[.[] | select(.ended_at == null)] | length <= 1' \
	    run list --job replaces
}

@test "skip and replace: what waits for its agent is not doubled when that comes" {
	m a setting set lost_after=1h >/dev/null
	kill9 b
	apply a <<-END
	jobs = (
	  { name = "skips"; command = [ "/bin/sleep", "30" ]; overlap = "skip";
	    misfire = "all"; distribution = "selected"; agents = [ "b" ];
	    triggers = ( { every = "1s"; } ); },
	  { name = "replaces"; command = [ "/bin/sleep", "30" ];
	    misfire = "all"; overlap = "replace"; distribution = "selected";
	    agents = [ "b" ]; triggers = ( { every = "1s"; } ); }
	);
	END
	wait_for 20 scheduler_is a a
	wait_for 15 is a true 'length > 2' run list --job skips
	wait_for 15 is a true 'length > 2' run list --job replaces
	m a job pause skips
	m a job pause replaces
	start b
	wait_for 15 is a running '.[0].state' run list --job replaces
	wait_for 15 is a true 'any(.[]; .state == "running")' \
	    run list --job skips
	is a 1 '[.[] | select(.started_at != null)] | length' \
	    run list --job skips
	is a 1 '[.[] | select(.started_at != null)] | length' \
	    run list --job replaces
	is a "" '.[] | select(.ended_at == null and .state != "running")' \
	    run list
}

@test "a job that follows another in two ways runs once; overlap holds there too" {
	apply a <<-END
	jobs = (
	  { name = "first"; command = [ "/bin/true" ]; overlap = "allow";
	    on_success = [ "twice" ]; },
	  { name = "twice"; command = [ "/bin/true" ];
	    triggers = ( { after = "first"; },
	        { after = "first"; on = [ "succeeded", "failed" ]; } ); },
	  { name = "slow"; command = [ "/bin/sleep", "30" ]; overlap = "skip";
	    triggers = ( { after = "first"; } ); }
	);
	END
	m a job run first --wait
	m a job run first --wait
	wait_for 10 is a "succeeded succeeded" '[.[].state] | join(" ")' \
	    run list --job twice
	wait_for 10 is a "running skipped" '[.[].state] | sort | join(" ")' \
	    run list --job slow
	is a "" '.[] | select(.job != "slow" and .state != "succeeded")' \
	    run list
}
