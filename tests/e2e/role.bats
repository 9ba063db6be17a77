# What else is said of the Scheduler role, on real processes, every timeout at
# its least.  The five cases by their rules: cases.bats.  a is a broker that is
# no agent.

load lib

setup()
{
	world
	dedicated a
	fast a
	node b "agent: { initial_status = \"on\"; };"
	node c
	join a b
	join a c
	wait_for 10 scheduler_is a b
	fast a
	wait_for 5 scheduler_is a b
}

# why_case N: the newest finished decision of that case.
why_case()
{
	m a why --case "$1" --json |
	    jq '[.[] | select(.outcome == "done")][0]'
}

@test "case 1: a clean stop hands over at once" {
	local before=$(now_ms)

	stop b
	wait_for 3 scheduler_is a c
	start b
	wait_for 5 is a off '.[] | select(.name == "b") | .status' agent list
}

@test "case 2 is off unless transfer_on_condition is set" {
	m a setting set "switch_condition=name = \"b\""
	wait_for 5 is a true '.[] | select(.name == "b") | .condition_met' \
	    agent list
	scheduler_is a b
}

# b's state directory as it is on disk now; b goes on.
copy_state()
{
	freeze b
	cp -a "$T/b/state" "$T/b/copy"
	thaw b
	wait_for 5 scheduler_is a b
}

# b dies, c takes over, b comes back as it was: ON, with an old epoch.
back_from_copy()
{
	copy_state
	kill9 b
	wait_for 5 scheduler_is a c
	rm -rf "$T/b/state"
	mv "$T/b/copy" "$T/b/state"
	start b
}

one_on()
{
	is a "$1 on $2 off" '[.[] | select(.connected) | "\(.name) \(.status)"]
	    | sort_by(endswith("off")) | join(" ")' agent list
}

@test "case 3: an older copy of a state directory says ON: it is sent OFF" {
	back_from_copy
	wait_for 5 one_on c b
	is b off .status status
	is b false .suspended status
	scheduler_is a c
	# Recorded, with both candidates.
	why_case 3 | jq -e '.case == 3 and .to == "c" and
	    (.candidates | map(.name) | sort) == ["b", "c"]'
}

@test "case 3 does not undo an operator: turned off, then an old copy" {
	copy_state
	m a agent on c --for 1s
	wait_for 5 one_on c b
	kill9 b
	rm -rf "$T/b/state"
	mv "$T/b/copy" "$T/b/state"
	start b
	wait_for 5 one_on c b
	scheduler_is a c
	is a 0 '[.[] | select(.case == 3)] | length' why
}

@test "case 4: agent on" {
	m a agent on c
	wait_for 3 scheduler_is a c
	why_case 4 | jq -e '.case == 4 and .from == "b" and .to == "c"'
	is a true '.[] | select(.name == "c") | .pinned_until != null' agent list
	# Again: done already.
	m a agent on c
	# Refused, each with its reason.
	refused 5 nosuch m a agent on nosuch
	m a agent drain b
	refused 1 drained m a agent on b
	m a agent undrain b
	kill9 b
	wait_for 5 is a false '.[] | select(.name == "b") | .connected' agent list
	refused 1 connected m a agent on b
	scheduler_is a c
	refused 1 moved m a agent off c --epoch 1
}

@test "case 5: agent off, release, --vacant" {
	m a agent off b --reason "disk swap"
	wait_for 3 scheduler_is a c
	why_case 5 | jq -e '.case == 5 and .from == "b" and .to == "c"'
	is a true '.[] | select(.name == "b") | .held_off' agent list
	# Held off: not chosen, even when the other dies.
	kill9 c
	wait_for 5 is a false '.[] | select(.name == "c") | .connected' agent list
	wait_for 5 is a true '.alerts | length > 0' status
	m a agent release b
	wait_for 5 scheduler_is a b
	start c
	m a agent off b --vacant
	wait_for 5 is a 0 '[.[] | select(.status == "on")] | length' agent list
	is a true '.alerts | tostring | test("vacant|nobody")' status
	m a agent on c
	wait_for 5 scheduler_is a c
}

@test "control_status off: the broker moves nothing and says so" {
	m a setting set control_status=false
	refused 1 control_status m a agent on c
	kill9 b
	wait_for 5 is a false '.[] | select(.name == "b") | .connected' agent list
	is a 0 '[.[] | select(.name == "c" and .status == "on")] | length' \
	    agent list
	start b
	wait_for 5 is a true '.[] | select(.name == "b") | .connected' agent list
	m a setting set control_status=true
	wait_for 6 scheduler_other_than a ""
}

@test "control = advise proposes, an operator confirms" {
	m a setting set control=advise
	kill9 b
	wait_for 6 is a true 'any(.[]; .case == 1 and .outcome == "proposed")' why
	is a off '.[] | select(.name == "c") | .status' agent list
	m a agent on c
	wait_for 5 scheduler_is a c
}

@test "whatif changes nothing; the broker's restart keeps the Scheduler" {
	local epoch

	is a c .to whatif kill b
	scheduler_is a b
	kill9 a
	start a
	wait_for 10 scheduler_is a b
	wait_for 10 m a agent on c
	kill9 a
	start a
	wait_for 10 scheduler_is a c
	epoch=$(q a .epoch status)
	[ "$epoch" -ge 2 ]
}

@test "case 5: agent off of one that is away counts when it returns" {
	kill9 b
	wait_for 5 scheduler_is a c
	m a agent off b
	start b
	wait_for 5 is a "true off true" '.[] | select(.name == "b")
	    | "\(.connected) \(.status) \(.held_off)"' agent list
	# Nobody is left when c dies too, until b is released.
	kill9 c
	wait_for 5 is a true '.alerts | tostring | test("no_scheduler")' status
	m a agent release b
	wait_for 5 scheduler_is a b
}

@test "a pinned Scheduler is left alone by case 2 until the pin is over" {
	m a agent on c --for 3s
	wait_for 5 scheduler_is a c
	m a setting set transfer_on_condition=true switch_min_interval=0s \
	    "switch_condition=name = \"c\""
	wait_for 5 is a true '.[] | select(.name == "c") | .condition_met' \
	    agent list
	scheduler_is a c
	wait_for 6 scheduler_is a b
	is a true 'any(.[]; .case == 2 and .from == "c" and .to == "b")' why
	# It moved after the pin, not before.
	[ "$(ms_of "$(q a '[.[] | select(.case == 2)][0].at' why)")" -ge \
	    "$(($(ms_of "$(q a '[.[] | select(.case == 4)][0].at' why)") + 2900))" ]
}

@test "a drained Scheduler hands over first, and is chosen no more" {
	m a agent drain b
	wait_for 3 scheduler_is a c
	kill9 c
	wait_for 5 is a true '.alerts | tostring | test("no_scheduler")' status
	is a off '.[] | select(.name == "b") | .status' agent list
	m a agent undrain b
	wait_for 5 scheduler_is a b
}

@test "a newer command supersedes the one under way" {
	local first

	freeze b
	m a agent on c >"$T/first" 2>&1 3>&- &
	first=$!
	wait_for 2 is a true '.[0].case == 4 and .[0].outcome == "begun"' why
	m a agent off c || true
	run ! wait $first
	grep -q superseded "$T/first"
	thaw b
	wait_for 8 is a true '.[] | select(.name == "c") | .held_off' agent list
	wait_for 8 scheduler_is a b
}

@test "off at a node counts over what was asked of it at the broker before" {
	local first

	freeze b			# its OFF is waited for
	m a agent on c >"$T/first" 2>&1 3>&- &
	first=$!
	wait_for 2 is a true '.[0].case == 4 and .[0].outcome == "begun"' why
	m c agent off
	run ! wait $first
	grep -q "c was turned off at itself since" "$T/first"
	thaw b
	wait_for 8 scheduler_is a b
	is c "off true" '"\(.status) \(.held_here)"' status
	m a agent release c
	wait_for 3 is c false .held_here status
}
