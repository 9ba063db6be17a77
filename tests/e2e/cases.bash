# The five cases of the Scheduler role, each as its rule says it, word by word
# (SPEC section 4), at the timeouts of whoever loads this: CT is
# connection_timeout, OT off_timeout, HB the heartbeat, all in ms, SET what is
# set.  a is the broker and no agent, b the Scheduler, c and d are spares.

cases_setup()
{
	world
	dedicated a
	# shellcheck disable=SC2086
	m a setting set $SET switch_min_interval=0s >/dev/null
	node b "agent: { initial_status = \"on\"; };"
	node c
	node d
	join a b
	join a c
	join a d
	wait_for 40 scheduler_is a b
	apply a <<<"$(ticking 1s all)"
	wait_for 20 fires a 0
}

# moved CASE FILTER: the newest finished decision of that case.
moved()
{
	q a "[.[] | select(.case == $1 and .outcome == \"done\")][0] | $2" why
}

moved_is()
{
	[ "$(moved "$1" "$2")" = "$3" ] || {
		echo "case $1: $2 is \"$(moved "$1" "$2")\", not \"$3\""
		return 1
	}
}

# took CASE SINCE LEAST MOST: when the grant of that case left, after SINCE.
took()
{
	local at ms

	at=$(moved "$1" '[.steps[] | select(.step | startswith("granted"))][0].at')
	ms=$(($(ms_of "$at") - $2))
	echo "case $1: granted after $ms ms"
	[ "$ms" -ge "$3" ]
	[ "$ms" -le "$4" ]
}

# before CASE FIRST SECOND: its steps came in that order.
in_order()
{
	is a true "[.[] | select(.case == $1 and .outcome == \"done\")][0].steps
	    | map(.step) | (map(startswith(\"$2\")) | index(true)) as \$i
	    | (map(startswith(\"$3\")) | index(true)) as \$j
	    | \$i != null and \$j != null and \$i < \$j" why
}

status_is()
{
	is a "$2" ".[] | select(.name == \"$1\") | .status" agent list
}

# An answer in time: nothing is waited for but the answer.  This much slack is
# for a busy machine.
SLACK=2000

# "Case 1, no Scheduler (unheard, OFF, or its own key cleared): wait
# connection_timeout (counted from the last heartbeat heard of it) for the
# Scheduler to appear.  If none: choose the best eligible spare, preferring
# those whose switch condition is not met, and turn it on."
case_1()
{
	local dead

	m a setting set "switch_condition=name = \"c\"" >/dev/null
	wait_for 10 is a true '.[] | select(.name == "c") | .condition_met' \
	    agent list
	# It appears in time: it goes on.
	kill9 b
	start b
	wait_for $((CT / 1000 + 3)) scheduler_is a b
	is a 0 '[.[] | select(.case == 1 and .from == "b" and .to != "b")]
	    | length' why
	# It does not: d, for c meets the condition.
	dead=$(now_ms)
	kill9 b
	wait_for $((CT / 1000 + 3)) scheduler_is a d
	moved_is 1 '"\(.from) \(.to)"' "b d"
	took 1 "$dead" $((CT - HB - 100)) $((CT + SLACK))
	is a true '[.[] | select(.case == 1 and .to == "d")][0].candidates
	    | any(.name == "b" and (.eligible | not) and
	        (.reason | length > 0)) and any(.name == "c" and .eligible and
	        .condition_met) and any(.name == "d" and .eligible)' why
	# "Preferring": with nobody else there, c it is.
	kill9 d
	wait_for $((CT / 1000 + 3)) scheduler_is a c
	moved_is 1 '"\(.from) \(.to)"' "d c"
	# Who comes back is a spare.
	m a setting set "switch_condition=none" >/dev/null
	wait_for 10 is a false '.[] | select(.name == "c") | .condition_met' \
	    agent list
	start b
	wait_for 10 status_is b off
	scheduler_is a c
	start d				# it tells how its last run ended
	account a
}

# "Case 2, the switch condition is met for the current Scheduler (and
# transfer_on_condition is set): choose the best eligible spare excluding those
# that meet it too.  If there is one: turn the old one off, then the new one on.
# If none: stay, and raise an alert."
case_2()
{
	local set epoch

	set=$(now_ms)
	m a setting set "switch_condition=name ~ \"[bc]\"" >/dev/null
	wait_for 10 is a true '[.[] | select(.name != "d") | .condition_met]
	    | all' agent list
	scheduler_is a b		# transfer_on_condition is not set
	m a setting set transfer_on_condition=true >/dev/null
	wait_for 10 scheduler_is a d
	moved_is 2 '"\(.from) \(.to)"' "b d"
	in_order 2 "off proved by b" granted
	is a true '[.[] | select(.case == 2)][0].candidates
	    | any(.name == "c" and .condition_met)' why
	# Nobody without it is left.
	epoch=$(q a .epoch status)
	m a setting set "switch_condition=any" >/dev/null
	wait_for 10 is a true '.alerts | tostring | test("switch condition")' \
	    status
	scheduler_is a d
	[ "$(q a .epoch status)" -eq "$epoch" ]
	m a setting set "switch_condition=none" >/dev/null
	wait_for 10 is a false '.alerts | tostring | test("switch condition")' \
	    status
	account a
}

# An older copy of b's state directory, in which it is ON, is what b has when
# c holds the role.
two_on()
{
	freeze b
	cp -a "$T/b/state" "$T/b/copy"
	thaw b
	wait_for 5 scheduler_is a b
	# Nothing is under way on b: its older copy knows nothing of that.
	wait_for 5 fires a "$(now_ms)"
	wait_for 5 quiet a
	kill9 b
	m a agent drain d >/dev/null
	wait_for $((CT / 1000 + 3)) scheduler_is a c
	rm -rf "$T/b/state"
	mv "$T/b/copy" "$T/b/state"
	start b
}

# "Case 3, two or more connected agents are ON: keep the one whose switch
# condition is not met, then the one with better health (one that reconnected
# less than improve_after ago counts as unknown), then the holder of the current
# epoch; send OFF to the others.  If the one kept does not hold the current
# epoch, it is granted a new one after the other is off."
case_3()
{
	local epoch

	two_on				# b has just reconnected: c is kept
	wait_for 5 status_is b off
	status_is c on
	scheduler_is a c
	moved_is 3 .to c
	[ "$(q a '.[] | select(.name == "c") | .epoch' agent list)" -eq \
	    "$(q a .epoch status)" ]
	# Once more, and now c meets the condition: b is kept.
	m a agent on b --for 1s >/dev/null
	wait_for 5 scheduler_is a b
	m a setting set "switch_condition=name = \"c\"" >/dev/null
	two_on
	epoch=$(q a .epoch agent show c)
	wait_for 10 scheduler_is a b
	moved_is 3 '"\(.from) \(.to)"' "c b"
	in_order 3 "off proved by c" granted
	[ "$(q a .epoch status)" -gt "$epoch" ]
	wait_for 5 status_is c off
	account a
}

# "Case 4, operator turns X on: send OFF to the current Scheduler, if any; after
# its success, or after off_timeout, turn X on.  Health and condition are not
# consulted.  The choice is pinned for manual_hold: cases 2 and 3 leave it alone
# until then; case 1 does not."
case_4()
{
	local asked

	m a setting set transfer_on_condition=true \
	    "switch_condition=name = \"c\"" >/dev/null
	wait_for 10 is a true '.[] | select(.name == "c") | .condition_met' \
	    agent list
	asked=$(now_ms)
	m a agent on c >/dev/null
	wait_for 3 scheduler_is a c
	took 4 "$asked" 0 $((OT - 100 < SLACK ? OT - 100 : SLACK))
	in_order 4 "off proved by b" granted
	# Pinned: case 2 does not touch it, though it meets the condition.
	is a true '.[] | select(.name == "c") | .pinned_until != null' agent list
	scheduler_is a c
	is a 0 '[.[] | select(.case == 2)] | length' why
	# One that does not answer: after off_timeout.
	freeze c
	asked=$(now_ms)
	m a agent on d >/dev/null
	wait_for 5 scheduler_is a d
	took 4 "$asked" $((OT - HB - 100)) $((OT + SLACK))
	in_order 4 "off timed out at c" granted
	thaw c
	wait_for 5 status_is c off
	scheduler_is a d
	# Pinned, and dead: case 1.
	kill9 d
	wait_for $((CT / 1000 + 3)) scheduler_is a b
	moved_is 1 '"\(.from) \(.to)"' "d b"
	start d				# it tells how its last run ended
	account a
}

# "Case 5, operator turns X off: send OFF to X; at the same time, if no other
# Scheduler is connected, choose another as in case 2 (excluding X and those
# that meet the condition), and turn it on as soon as X is off, or after
# off_timeout.  X is held off until an operator turns it on or releases it.  If
# nobody can be chosen, case 1 follows after connection_timeout."
case_5()
{
	local asked

	m a setting set "switch_condition=name = \"c\"" >/dev/null
	wait_for 10 is a true '.[] | select(.name == "c") | .condition_met' \
	    agent list
	asked=$(now_ms)
	m a agent off b >/dev/null
	wait_for 3 scheduler_is a d
	moved_is 5 '"\(.from) \(.to)"' "b d"
	took 5 "$asked" 0 $((OT - 100 < SLACK ? OT - 100 : SLACK))
	in_order 5 "off proved by b" granted
	is a "off true" '.[] | select(.name == "b")
	    | "\(.status) \(.held_off)"' agent list
	# It does not answer, and nobody can be chosen: b is held off, c meets
	# the condition.  After off_timeout case 1 has its time, and takes c.
	freeze d
	asked=$(now_ms)
	m a agent off d >/dev/null
	wait_for $((CT / 1000 + OT / 1000 + 3)) scheduler_is a c
	moved_is 1 .to c
	took 1 "$asked" $((CT + OT - HB - 100)) $((CT + OT + SLACK))
	thaw d
	wait_for 5 is a "off true" '.[] | select(.name == "d")
	    | "\(.status) \(.held_off)"' agent list
	account a
}

# The same with one that does not answer, and another one at hand.
case_5_silent()
{
	local asked

	freeze b
	asked=$(now_ms)
	m a agent off b >/dev/null
	wait_for $((OT / 1000 + 3)) scheduler_other_than a b
	took 5 "$asked" $((OT - HB - 100)) $((OT + SLACK))
	in_order 5 "off timed out at b" granted
	thaw b
	wait_for 5 is a "off true" '.[] | select(.name == "b")
	    | "\(.status) \(.held_off)"' agent list
	account a
}
