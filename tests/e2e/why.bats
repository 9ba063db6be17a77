# Every decision about the role is on record, with who, why and what was
# weighed, whatever was killed meanwhile; what `whatif` says then happens.

load lib

setup()
{
	world
	dedicated a
	fast a
	node b "agent: { initial_status = \"on\"; };"
	node c
	node d
	join a b
	join a c
	join a d
	wait_for 10 scheduler_is a b
	fast a
	wait_for 5 scheduler_is a b
}

# newest FILTER: of the newest decision.
newest()
{
	q a ".[0] | $1" why --limit 1
}

newest_is()
{
	[ "$(newest "$2")" = "$1" ] || {
		echo "$2: $(newest "$2"), not $1"
		return 1
	}
}

@test "who asked, why, with which settings, and what was measured" {
	m a agent on c --reason "kernel update of b" --for 90s
	wait_for 5 scheduler_is a c
	newest_is '4 b c done root@local kernel update of b' \
	    '"\(.case) \(.from) \(.to) \(.outcome) \(.actor) \(.reason)"'
	newest_is 'auto false' \
	    '.inputs | "\(.control) \(.transfer_on_condition)"'
	newest '.inputs.switch_terms[0].term' | grep -q 'health = very_bad'
	newest '.candidates[0]' | jq -e '.name == "c" and .eligible and
	    .reason == "chosen" and (.measured | length > 0)'
	# The pin in the list, for people too; release ends it.
	is a true '.[] | select(.name == "c") | .pinned_until != null' agent list
	m a agent list | grep -q 'in 1m'
	is a c .scheduler.name status
	m a agent release c
	is a true '.[] | select(.name == "c") | .pinned_until == null' agent list
	# Drained: by whom.
	m a agent drain c --reason "disk swap"
	wait_for 5 scheduler_other_than a c
	newest_is '5 c root@local disk swap' \
	    '"\(.case) \(.from) \(.actor) \(.reason)"'
}

@test "a Scheduler that restarts, and a broker: on record" {
	kill9 b
	start b
	wait_for 5 scheduler_is a b
	newest_is '1 b b done' '"\(.case) \(.from) \(.to) \(.outcome)"'
	# The broker dies in the middle of a move: its record goes on.
	freeze b
	m a agent on c >/dev/null 2>&1 3>&- &
	wait_for 2 newest_is '4 begun' '"\(.case) \(.outcome)"'
	kill9 a
	wait
	start a
	thaw b
	wait_for 10 scheduler_is a c
	is a 1 '[.[] | select(.case == 4)] | length' why
	is a 'b c done' '[.[] | select(.case == 4)][0]
	    | "\(.from) \(.to) \(.outcome)"' why
	is a true '[.[] | select(.case == 4)][0].steps
	    | any(.step == "the broker was restarted")' why
	# Nothing is left open.
	is a 0 '[.[] | select(.outcome == "begun")] | length' why
}

@test "nobody can take over: who is there, and why not" {
	m a agent drain c
	m a agent off d
	kill9 b
	wait_for 6 newest_is '1 failed' '"\(.case) \(.outcome)"'
	is a 'b not connected, c drained, d held off' '.[0].candidates
	    | sort_by(.name) | map("\(.name) \(.reason)") | join(", ")' why
	refused 1 'not connected: is its musterd running?' m a agent on b
	refused 1 'drained: muster agent undrain c' m a agent on c
	m a agent on d
	wait_for 5 scheduler_is a d
}

# Two say ON: who says OFF is not weighed, whatever its health.
@test "case 3 weighs those who say ON" {
	m a setting set improve_after=0s >/dev/null
	kill9 b
	wait_for 6 scheduler_other_than a b
	start b
	wait_for 6 newest_is 3 .case
	is a 'chosen, says OFF' '.[0].candidates
	    | map(select(.name != "b") | .reason) | join(", ")' why
	is a true '.[0].candidates[] | select(.name == "b") | .reason
	    | test("was better by|was turned off")' why
	# The last of several decisions, and nothing of those before.
	is a 'true null' '"\(.steps | length > 0) \(.to)"' \
	    whatif drain b drain c drain d
}

@test "whatif says what then happens" {
	local idle=(cpu c=5 and cpu d=5 and) said

	# This machine may be busy, and each of them finds that out by itself.
	m a setting set worsen_after=1h improve_after=1h
	wait_for 10 is a true 'all(.[] | select(.name != "a");
	    .health.level != "unknown")' agent list
	# A spare's trouble is nobody's business, and case 2 is off.
	is a 'nothing changes b' '"\(.outcome) \(.scheduler)"' whatif cpu c=95
	is a 'nothing changes b' '"\(.outcome) \(.scheduler)"' whatif cpu b=95
	m a setting set transfer_on_condition=true
	is a '2 b c' '"\(.case) \(.from) \(.scheduler)"' \
	    whatif "${idle[@]}" cpu b=95
	is a '2 b d' '"\(.case) \(.from) \(.scheduler)"' \
	    whatif cpu d=5 and cpu b=95 and cpu c=95
	is a '2 failed b' '"\(.case) \(.outcome) \(.scheduler)"' \
	    whatif condition b condition c condition d
	m a agent on b --for 20m
	is a true '.scheduler == "c" and any(.steps[];
	    .step == "the pin of b is over" and .after > 1190)' \
	    whatif "${idle[@]}" condition b
	is a '5 c' '"\(.case) \(.scheduler)"' whatif "${idle[@]}" drain b
	is a 'd' .scheduler whatif kill b forward 20m drain c
	is a 'refused b' '"\(.outcome) \(.scheduler)"' whatif drain c on c
	is a '5 null' '"\(.case) \(.scheduler)"' whatif vacant b
	refused 2 'forward' m a whatif forward
	refused 2 'suppose kill' m a whatif explode b
	refused 2 'forward' m a whatif forward soon
	refused 2 'which agent' m a whatif kill b drain
	refused 5 'there is none' m a whatif kill b drain nope
	# Nothing came of all that.
	scheduler_is a b
	is a 0 '[.[] | select(.case == 2)] | length' why
	said=$(q a .scheduler whatif kill b)
	kill9 b
	wait_for 6 scheduler_is a "$said"
}

@test "control = advise: proposed, confirmed, lapsed" {
	refused 1 'nothing is proposed' m a agent confirm
	m a setting set control=advise
	kill9 b
	wait_for 6 newest_is '1 proposed c' '"\(.case) \(.outcome) \(.to)"'
	is a c .scheduler.proposal.to status
	m a status | grep -q 'agent confirm'
	start b
	wait_for 6 scheduler_is a b
	newest_is '1 done b b' '"\(.case) \(.outcome) \(.from) \(.to)"'
	is a '1 lapsed b c' '.[1]
	    | "\(.case) \(.outcome) \(.from) \(.to)"' why
	is a null .scheduler.proposal status
	kill9 b
	wait_for 6 newest_is proposed .outcome
	m a agent confirm --reason "b is broken"
	wait_for 5 scheduler_is a c
	newest_is '1 done root@local b is broken' \
	    '"\(.case) \(.outcome) \(.actor) \(.reason)"'
	is a true '.[1].outcome == "confirmed"' why
	is a null .scheduler.pinned_until status
}

@test "control_status off in the middle of a move" {
	m a setting set off_timeout=20s >/dev/null
	freeze b
	m a agent on c >"$T/first" 2>&1 3>&- &
	wait_for 2 newest_is '4 begun' '"\(.case) \(.outcome)"'
	m a setting set control_status=false
	run ! wait $!
	cat "$T/first"
	grep -q 'control_status was switched off' "$T/first"
	newest_is '4 failed b c' '"\(.case) \(.outcome) \(.from) \(.to)"'
	thaw b
	m a setting set control_status=true off_timeout=1s
	wait_for 6 scheduler_other_than a ""
}

@test "agent history: ON and OFF, link and health, in order" {
	wait_for 10 is a true '.[] | select(.name == "b")
	    | .health.level != "unknown"' agent list
	m a agent on c
	wait_for 5 scheduler_is a c
	kill9 b
	wait_for 5 is a false '.[] | select(.name == "b") | .connected' agent list
	q a 'reverse[] | "\(.connected) \(.status)"' \
	    agent history b | uniq >"$T/history"
	cat "$T/history"
	diff - "$T/history" <<-END
	true null
	true on
	true off
	false off
	END
	# The epoch that it held, not only the one that it had before.
	is a true 'any(.[]; .status == "on" and .epoch == 1)' agent history b
	q a '.[] | select(.status == "off") | .reason' agent history b |
	    grep -q 'b is OFF, epoch 1 (decision '
	q a '.[] | .reason' agent history b | grep -q 'health unknown -> '
}
