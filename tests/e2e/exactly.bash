# A job of every second with misfire "all", while Schedulers die and hang: each
# occurrence runs once, on record and in the file that the job writes.
#
# SLOW is how often longer than at the fast timeouts is waited: 1, or 3 at the
# default ones.

# Three agents of broker a, and the job at work on one of them.
load_exactly()
{
	node b
	node c
	node d
	join a b
	join a c
	join a d
	apply a <<<"$(ticking 1s all)"
	wait_for $((SLOW * 15)) scheduler_other_than a ""
	wait_for $((SLOW * 10)) test -s "$T/fired"
}

finish()
{
	m a job pause tick
	wait_for $((SLOW * 30)) quiet a
	exactly_once a
	never_two a
	wc -l <"$T/fired"
}

five_kills()
{
	local s

	for _ in 1 2 3 4 5; do
		s=$(scheduler a)
		[ -n "$s" ]
		kill9 "$s"
		wait_for $((SLOW * 10)) scheduler_other_than a "$s"
		start "$s"
	done
	finish
}

three_pauses()
{
	local s

	for _ in 1 2 3; do
		s=$(scheduler a)
		[ -n "$s" ]
		freeze "$s"
		wait_for $((SLOW * 10)) scheduler_other_than a "$s"
		wait_for $((SLOW * 10)) fired_since \
		    "$(($(now_ms) + (SLOW - 1) * 1000))"
		thaw "$s"
		wait_for $((SLOW * 10)) is a true \
		    ".[] | select(.name == \"$s\") | .connected" agent list
	done
	finish
}

# The job wrote an occurrence later than that.
fired_since()
{
	[ "$(ms_of "$(tail -n 1 "$T/fired")")" -gt "$1" ]
}
