# What a node's own triggers do in each mode, and the ways back.

load lib

setup()
{
	world
	broker a
	fast_restart a
	node b
	: >"$T/fired"
	apply b <<<"$(ticking 1s all)"
}

fires()
{
	local n=$(wc -l <"$T/fired")

	wait_for 8 more_than "$n"
}

more_than()
{
	[ "$(wc -l <"$T/fired")" -gt "$1" ]
}

dormant()
{
	is b true "$1" status
}

@test "a standalone node fires its own jobs at once; off and on again" {
	wait_for 4 test -s "$T/fired"
	is b standalone .mode status
	m b agent off
	is b off .status status
	wait_for 5 quiet b
	m b agent on
	fires
	is b on .status status
	# A restart wakes it by itself.
	stop b
	start b
	fires
	kill9 b
	start b
	fires
	m b job pause tick
	wait_for 5 quiet b
	exactly_once b
}

@test "joining makes its jobs dormant, leave wakes them with their misfires" {
	local n

	wait_for 4 test -s "$T/fired"
	join a b worker
	is b worker .mode status
	refused 1 "worker of a" m b job run tick
	n=$(wc -l <"$T/fired")
	apply a <<<"$(ticking 1s | sed "s/tick/tock/g; s,fired,tocked,")"
	wait_for 10 test -s "$T/tocked"
	[ "$(wc -l <"$T/fired")" -eq "$n" ]
	m b leave --yes
	is b standalone .mode status
	is a left '.[] | select(.name == "b") | .state' join list
	fires
	m b job pause tick
	wait_for 10 quiet b
	exactly_once b
}

@test "misfire once after coming back: one runs, the others are on record" {
	apply b <<<"$(ticking 1s once)"
	wait_for 4 test -s "$T/fired"
	join a b worker
	wait_for 10 is a true '.[] | select(.name == "b") | .uptime != null' \
	    agent list
	wait_for 8 idle_for 4000
	m b leave --yes
	wait_for 5 is b true 'any(.[]; .state == "skipped")' run list
	is b true 'all(.[]; .state != "skipped" or .reason != null)' run list
}

# The job wrote nothing for so many ms.
idle_for()
{
	[ $(($(now_ms) - $(date -r "$T/fired" +%s%3N))) -gt "$1" ]
}

@test "removed at the broker: the node converts back by itself" {
	join a b
	refused 2 "--yes" m a agent remove b
	m a agent remove b --yes --reason "sold"
	wait_for 5 is b standalone .mode status
	fires
	is a removed '.[] | select(.name == "b") | .state' join list
	is b true 'any(.[]; .code == "disowned" and (.message | test("sold")))' \
	    event list
	is a a 'map(.name) | join(" ")' agent list
}

@test "removed while it was offline: it learns it when it comes back" {
	join a b worker
	stop b
	wait_for 10 is a false '.[] | select(.name == "b") | .connected' agent list
	m a agent remove b --yes
	start b
	wait_for 10 is b standalone .mode status
	fires
}

@test "leave with the broker unreachable says what remains there" {
	join a b worker
	stop a
	wait_for 15 is b false .broker.connected status
	run -0 m b leave --yes
	[[ "$output" == *"muster agent remove b"* ]]
	is b standalone .mode status
	fires
	refused 1 "no cluster" m b leave --yes
	# The broker still thinks it a member; and it may join again.
	start a
	is a 2 length agent list
	m a agent remove b --yes
	join a b
}

@test "the Scheduler that leaves hands over first" {
	node c
	join a b
	join a c
	fast a
	m a agent on c
	wait_for 5 scheduler_is a c
	m c leave --yes
	wait_for 3 scheduler_other_than a c
	is c standalone .mode status
}

@test "a broker with members joins nobody; a dedicated one runs nothing" {
	join a b
	broker z
	refused 1 "broker" m a join request "$(at z)"
	dedicated y
	is y "broker none" '"\(.mode) \(.role)"' status
	is y 0 length agent list
}

@test "renamed, drained, labels and priority" {
	join a b
	m a agent rename b bee
	is a "a bee" 'map(.name) | join(" ")' agent list
	wait_for 5 is b bee .node status
	m a setting set cluster_name=prod
	wait_for 5 is b prod .cluster status
	stop b
	start b
	is b "bee prod" '"\(.node) \(.cluster)"' status
	m a agent set bee priority=7 labels=tape,big
	is a 7 '.[] | select(.name == "bee") | .priority' agent list
	is a true '.[] | select(.name == "bee") | .labels | tostring |
	    test("tape")' agent list
	m a agent drain bee
	is a true '.[] | select(.name == "bee") | .drained' agent list
	kill9 a
	start a
	is a "7 true" '.[] | select(.name == "bee") | "\(.priority) \(.drained)"' \
	    agent list
	m a agent undrain bee
}

@test "an agent that is not controlled fires its own jobs, and holds no role" {
	configure b "agent: { allow_control = false; };"
	stop b
	start b
	join a b
	is b "agent none" '"\(.mode) \(.role)"' status
	is a "false none" '.[] | select(.name == "b") | "\(.controlled) \(.role)"' \
	    agent list
	fires
	refused 1 "control" m a agent on b
}

@test "allow_control is cleared on a running Scheduler: case 1 at once" {
	local n

	node c
	join a b
	join a c
	fast a
	m a agent on b
	wait_for 5 scheduler_is a b
	configure b "agent: { allow_control = false; };"
	kill -HUP "$(pid b)"
	wait_for 5 scheduler_other_than a b
	is a false '.[] | select(.name == "b") | .controlled' agent list
	wait_for 5 is b none .role status
	# Its own triggers stay asleep until they are asked for here.
	n=$(wc -l <"$T/fired")
	wait_for 5 eval '[ $(($(now_ms) - $(date -r "$T/fired" +%s%3N))) -gt 3000 ]'
	[ "$(wc -l <"$T/fired")" -eq "$n" ]
	m b agent on
	fires
	# The key comes back: a spare again.
	configure b
	kill -HUP "$(pid b)"
	wait_for 5 is a true '.[] | select(.name == "b") | .controlled' agent list
	wait_for 5 is b spare .role status
}

@test "a worker never holds the role; a node turned off at itself is held off" {
	node c
	join a b worker
	join a c
	fast a
	refused 1 "worker" m a agent on b
	m a agent on c
	wait_for 5 scheduler_is a c
	m c agent off
	wait_for 5 scheduler_is a a
	is a true '.[] | select(.name == "c") | .held_off' agent list
	is c "off true" '"\(.status) \(.held_here)"' status
	m a agent on c
	wait_for 5 scheduler_is a c
	is c false .held_here status
	# Who follows is not decided there.
	refused 1 "muster -H $(at a) agent off c --vacant" m c agent off --vacant
	refused 1 "look again" m c agent off --epoch 0
	scheduler_is a c
}
