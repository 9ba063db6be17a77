# moves.bats for the other cases: kill -9 of the broker in the middle of each
# step.

load ../lib
load ../merged
load ../gate
load ../moves

setup()
{
	load_moves
}

@test "case 5, an operator turns X off, the broker dies at each step" {
	local step was

	for step in intent off proof granted sent; do
		was=$(begun "$OLD")
		killed_at "$step" ask agent off "$OLD"
		finished
		[ "$(begun "$NEW")" -eq "$was" ]
		# From the moment that the choice was on disk it stood.
		is a true ".[] | select(.name == \"$NEW\") | .held_off" \
		    agent list
		m a agent release "$NEW"
	done
	account a
}

@test "case 5 --vacant: nobody takes over, whenever the broker dies" {
	local step

	for step in intent off; do
		killed_at "$step" ask agent off "$OLD" --vacant
		wait_for 8 is a "off off" '[.[] | .status] | join(" ")' \
		    agent list
		wait_for 5 is a true '.alerts | tostring
		    | test("vacant|nobody")' status
		sleep 2		# twice connection_timeout
		is a "off off" '[.[] | .status] | join(" ")' agent list
		m a agent release "$OLD"
		m a agent on "$NEW"
		finished
	done
	account a
}

@test "case 2, the switch condition is met, the broker dies at each step" {
	local step

	for step in intent off proof granted sent; do
		killed_at "$step" ask setting set transfer_on_condition=true \
		    "switch_condition=name = \"$OLD\""
		finished
	done
	account a
}

@test "case 1, the Scheduler is dead, the broker dies at each step" {
	local step was

	for step in granted sent; do
		was=$OLD
		killed_at "$step" kill9 "$OLD"
		finished
		start "$was"
		wait_for 10 is a true \
		    ".[] | select(.name == \"$was\") | .connected" agent list
	done
	account a
}

@test "case 1, the broker dies three times in its wait after a start" {
	local i

	kill9 b
	for i in 1 2 3; do
		kill9 a
		start a
		# It waits for every lease that it may have given out.
		! grep -q "epoch 2 granted" "$T/a/log"
	done
	wait_for 8 scheduler_is a c
	start b
	wait_for 5 is a off '.[] | select(.name == "b") | .status' agent list
	wait_for 5 fires a "$(now_ms)"
	account a
}

@test "the Scheduler dies with the broker, and comes back without it" {
	kill9 a
	kill9 b
	start b
	wait_for 5 is b true .suspended status
	start a
	wait_for 8 scheduler_other_than a ""
	wait_for 5 fires a "$(now_ms)"
	account a
}
