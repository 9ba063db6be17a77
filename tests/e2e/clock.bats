# Wall clocks stepped by an hour each way, on the broker, the Scheduler and a
# spare.  What a user would lose: two Schedulers, an occurrence fired again, or
# one that is gone without a word, because somebody set a clock.
#
# a is the broker and no agent, b the Scheduler, c the spare.

load lib
load merged
load clock

setup()
{
	world
	own_clocks
}

# off_by NODE SECONDS: what the broker measures.
off_by()
{
	is a true "(.clock_skew - (${2#+}) | fabs) < 1" agent show "$1"
}

# The alert about NODE's clock is there, or is not.
clock_alert()
{
	is a "$2" "any(.alerts[]; tostring | test(\"clock.*of $1 \"))" status
}

# No step ended a lease or moved the role.
undisturbed()
{
	[ "$(q a .epoch status)" -eq 1 ]
	[ "$(grep -c 'cluster=a .* at work' "$T/b/log")" -eq 1 ]
	! grep -q 'cluster=a .* stopped:' "$T/b/log"
	! grep -q 'cluster=a .* at work' "$T/c/log"
}

# Nothing on record is due later than it is now, by more than max_skew.
none_ahead()
{
	local newest

	newest=$(ms_of "$(q a '[.[].occurrence] | max' run list --job tick \
	    --limit 100000)")
	echo "newest $newest, now $(now_ms)"
	[ "$newest" -le $(($(now_ms) + 2000)) ]
}

@test "a spare an hour off is no candidate, either way, and says so" {
	local by

	crew
	for by in +3600 -3600; do
		step c "$by"
		wait_for 5 off_by c "$by"
		wait_for 5 clock_alert c true
		refused 1 max_skew m a agent on c
		step c +0
		wait_for 5 clock_alert c false
	done
	undisturbed
	# Not even when nobody else is left.
	step c -3600
	wait_for 5 clock_alert c true
	kill9 b
	wait_for 5 is a true '.alerts | tostring | test("no_scheduler")' status
	is a off '.[] | select(.name == "c") | .status' agent list
	step c +0
	wait_for 5 scheduler_is a c
	wait_for 5 fires a "$(now_ms)"
	start b				# it tells how its last run ended
	account a
}

@test "the Scheduler's clock goes back an hour: nothing is fired again" {
	crew
	step b -3600
	wait_for 5 off_by b -3600
	wait_for 5 clock_alert b true
	sleep 2			# in which it has nothing to fire
	undisturbed
	step b +0
	# What came due meanwhile is fired now, each once.
	wait_for 5 fires a "$(now_ms)"
	undisturbed
	account a
}

@test "the Scheduler's clock goes forward an hour: nothing is fired ahead" {
	crew
	step b +3600
	wait_for 5 off_by b 3600
	wait_for 5 fires a "$(now_ms)"
	none_ahead
	step b +0
	wait_for 5 clock_alert b false
	wait_for 8 fires a "$(($(now_ms) + 2000))"
	undisturbed
	none_ahead
	account a
}

@test "the Scheduler's clock goes forward: what is due now is not skipped as late" {
	crew
	apply a <<<"$(ticking 1s skip)"
	wait_for 5 fires a "$(now_ms)"
	step b +30
	wait_for 5 off_by b 30
	sleep 2			# in which it takes all that is due for late
	step b +0
	wait_for 5 fires a "$(now_ms)"
	is a 0 'map(select(.state == "skipped")) | length' \
	    run list --job tick
	account a
}

@test "the broker's clock goes forward an hour: leases and firing go on" {
	crew
	step a +3600
	wait_for 5 off_by b -3600
	wait_for 5 clock_alert b true
	wait_for 5 fires a "$(now_ms)"
	undisturbed
	step a +0
	wait_for 5 clock_alert b false
	wait_for 5 fires a "$(now_ms)"
	undisturbed
	account a
}

@test "the broker's clock goes back an hour: what it takes for ahead waits" {
	crew
	step a -3600
	wait_for 5 off_by b 3600
	sleep 2			# in which every fire is refused
	undisturbed
	step a +0
	wait_for 5 fires a "$(now_ms)"
	undisturbed
	account a
}

@test "a run's time is up when it is, whatever its agent's clock does" {
	local began by id

	crew
	apply a <<<"jobs = ( { name = \"long\"; shell = \"sleep 30\";
	    timeout = \"2s\"; grace = \"500ms\"; distribution = \"selected\";
	    agents = [ \"c\" ]; } );"
	for by in -3600 +3600; do
		began=$(now_ms)
		id=$(q a .run job run long)
		wait_for 5 is a running .state run show "$id"
		step c "$by"
		wait_for 6 is a timed_out .state run show "$id"
		echo "$by: timed out after $(($(now_ms) - began)) ms"
		[ $(($(now_ms) - began)) -ge 1900 ]
		step c +0
	done
}

@test "a machine's clock goes forward an hour: misfire policies decide" {
	broker a
	fast_restart a
	wait_for 10 scheduler_is a a
	apply a <<-END
	jobs = ( { name = "tick"; triggers = ( { every = "1s"; } );
	    shell = "echo \$MUSTER_OCCURRENCE >>$T/fired"; overlap = "allow";
	    misfire = "skip"; },
	  { name = "once"; triggers = ( { every = "1m"; } );
	    shell = "echo \$MUSTER_OCCURRENCE >>$T/once"; misfire = "once"; },
	  { name = "all"; triggers = ( { every = "10m"; } );
	    shell = "echo \$MUSTER_OCCURRENCE >>$T/all"; misfire = "all";
	    overlap = "allow"; } );
	END
	wait_for 10 fires a 0
	step a +3600
	wait_for 10 fires a "$(($(now_ms) + 3590000))"
	wait_for 5 test -s "$T/all"
	# Back again: an hour in which nothing is fired a second time.
	step a +0
	sleep 2
	quiet a
	is a true 'any(.[]; .state == "skipped"
	    and (.reason | test("misfire skip")))' \
	    run list --job tick --limit 100000
	every_occurrence a tick 1000
	every_occurrence a once 60000 "$T/once"
	every_occurrence a all 600000 "$T/all"
	[ "$(wc -l <"$T/once")" -le 2 ]
	[ "$(wc -l <"$T/all")" -ge 5 ]
	never_two a
}
