# The fields that scripts may rely on (section 8 of the contract): a script
# written against them loses its footing when one is missing or of another type.

load lib

setup()
{
	world
	broker a
	fast_restart a
	node b
	join a b
	apply a <<<"$(ticking 1s)"
	wait_for 10 scheduler_other_than a ""
	wait_for 10 is a true 'length > 1 and any(.[]; .ended_at != null)' \
	    run list --job tick
}

@test "status" {
	local n

	for n in a b; do
		shape "$n" "node:string cluster:string mode:string role:string
		    status:string suspended:boolean epoch:int
		    lease_left:number|null broker.name:string
		    broker.address:string broker.connected:boolean
		    control:string version:string alerts:array|int" status
	done
	is a agent .mode status
	is b agent .mode status
	is b a .broker.name status
	is b true .broker.connected status
}

@test "agent list, join list" {
	shape a "name:string id:string|int address:string|null mode:string
	    connected:boolean controlled:boolean status:string role:string
	    epoch:int suspended:boolean health.level:string health.value:int
	    health.since:time|null health.reason:string|null
	    condition_met:boolean drained:boolean held_off:boolean
	    pinned_until:time|null priority:int labels:array|object
	    running:int uptime:number|null latency:number|null version:string
	    sync.revision:int sync.behind:int|boolean" agent list
	is a "a b" 'map(.name) | join(" ")' agent list
	is a 1 '[.[] | select(.role == "scheduler")] | length' agent list
	is a '["off","on"]' '[.[].status] | sort | tostring' agent list
	shape a "id:string name:string address:string message:string|null
	    fingerprint:string words:string state:string as:string
	    requested_at:time token_expires_at:time|null" join list
	is a joined '.[0].state' join list
}

@test "job list, run list, event list, why" {
	shape a "name:string enabled:boolean paused:boolean triggers:array
	    next:time|null queue:string|null distribution:string last.run:int
	    last.state:string last.at:time" job list
	shape a "id:int|string job:string occurrence:time|string
	    cause:string agent:string|null attempt:int state:string
	    exit_code:int|null signal:int|null queued_at:time
	    started_at:time|null ended_at:time|null epoch:int|null
	    late:boolean" run list
	is a 0 '[.[] | select(.state == "succeeded")][0].exit_code' \
	    run list --job tick
	is a 1 '[.[].attempt] | max' run list --job tick
	# Newest first.
	is a true '[.[].id | tonumber] == ([.[].id | tonumber] | sort | reverse)' \
	    run list
	shape a "seq:int at:time severity:string code:string node:string|null
	    actor:string|null message:string data:object|null" event list
	is a true '[.[].seq] == ([.[].seq] | sort | reverse)' event list
	shape a "decision:int|string at:time case:int from:string|null
	    to:string|null epoch:int candidates:array outcome:string
	    steps:array" why
	is a true '.[0].case >= 1 and .[0].case <= 5' why
	is a true '[.[].candidates[]] | length > 0 and all(
	    (.name | type) == "string" and (.eligible | type) == "boolean"
	    and (.condition_met | type) == "boolean" and has("health")
	    and has("reason"))' why
	is a true '[.[].steps[]] | length > 0 and all(has("at") and has("step"))' why
	shape a "node:string epoch:int" status
}

@test "an agent asked about the cluster answers as the broker" {
	is b "a b" 'map(.name) | join(" ")' agent list
	is b tick '.[0].name' job list
	is b joined '.[0].state' join list
	is b tick '.[0].job' run list
	[ "$(q b '.[-1].seq' event list)" = "$(q a '.[-1].seq' event list)" ]
	is b true 'length > 0' why
	# A change is the broker's: refused here with the way to do it.
	refused 4 "muster -H" m b job pause tick
}

@test "--json errors are one document, the line goes to standard error" {
	run -5 --separate-stderr m a run show 999999 --json
	[ "$(jq -r .error.code <<<"$output")" = not_found ]
	[[ "$stderr" == muster:* ]]
	run -5 --separate-stderr m a job show nosuch --json
	[ "$(jq -r .error.code <<<"$output")" = not_found ]
	run -2 --separate-stderr m a agent frobnicate --json
	[ "$(jq -r .error.code <<<"$output")" = usage ]
	run -3 --separate-stderr "$B/muster" -S "$T/none" status --json
	[ "$(jq -r .error.code <<<"$output")" = cannot_connect ]
}
