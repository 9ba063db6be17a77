# Full disks, on the broker and on agents.  What a user would lose: something
# that was acknowledged; or the cluster stays broken when there is room again.

load lib
load merged
load disk

setup()
{
	world
}

# A full disk may have room for a small thing yet: what is acknowledged then
# goes to $T/acked.
takes_nothing()
{
	run m a job run tick --json
	[ "$status" -ne 0 ] || {
		jq .run <<<"$output" >>"$T/acked"
		return 1
	}
	[[ "$output" == *"disk"* ]]
}

@test "the broker's disk is full: nothing acknowledged is lost, it recovers" {
	local id s=b

	small_disk a
	crew
	q a .run job run tick >"$T/acked"
	fill a
	wait_for 15 takes_nothing
	run m a agent on c
	echo "$output"
	if [ "$status" -eq 0 ]; then
		s=c
	else
		[[ "$output" == *"disk"* ]]
	fi
	wait_for 5 is a true '.alerts | tostring | test("disk|store")' status
	# The Scheduler goes on being renewed: nobody takes its place.
	sleep 3
	scheduler_is a "$s"
	! grep -q 'cluster=a .* stopped: the lease' "$T"/[bc]/log
	make_room a
	wait_for 10 fires a "$(now_ms)"
	wait_for 5 is a false '.alerts | tostring | test("disk|store")' status
	while read -r id; do
		wait_for 10 is a succeeded .state run show "$id"
	done <"$T/acked"
	m a agent on c
	wait_for 5 scheduler_is a c
	account a
}

# A run of tick was refused, or waits, because of b's disk.
held_up()
{
	local id

	is a true 'any(.[]; .state == "refused" and (.reason | test("disk")))' \
	    run list --job tick && return
	id=$(q a '[.[] | select(.ended_at == null)][0].id' run list --job tick)
	m a run explain "$id" | grep -q disk
}

@test "the Scheduler's own disk is full: that is said, and nothing is silent" {
	small_disk b
	crew
	fill b
	wait_for 8 held_up
	wait_for 5 is a true 'any(.alerts[]; .code == "store_full" and
	    .node == "b")' status
	# It is heard, and its lease goes on.
	is a "true scheduler" '.[] | select(.name == "b")
	    | "\(.connected) \(.role)"' agent list
	! grep -q 'cluster=a .* stopped:' "$T/b/log"
	# Nor can an emergency stop be, there: that is said, and how else.
	refused 1 "b goes on as it was" m b agent off
	is b on .status status
	# Its OFF can't be stored, so it proves nothing: the lease ends.
	m a agent on c
	wait_for 8 scheduler_is a c
	wait_for 5 fires a "$(now_ms)"
	is b true '.status == "off" or .suspended' status
	refused 1 disk m a agent on b
	# Its store can't be opened for writing: a start says so, and ends.
	kill9 b
	run ! start b
	[[ "$output" == *"make room and start again"* ]]
	make_room b
	start b
	wait_for 10 m a agent on b
	wait_for 8 scheduler_is a b
	wait_for 5 fires a "$(now_ms)"
	wait_for 5 is a false 'any(.alerts[]; .code == "store_full")' status
	m a job pause tick
	wait_for 20 quiet a
	never_two a
	one_epoch_each a
	# Every second is there: succeeded, or refused with the reason.
	q a '.[] | select(.state == "refused" and (.reason | test("disk"))
	    | not) | select(.state != "succeeded") | "\(.state) \(.reason)"' \
	    run list --job tick --limit 100000 >"$T/odd"
	cat "$T/odd"
	[ ! -s "$T/odd" ]
}

# An operator who is told "not aborted", "nothing was stored" goes on from there:
# what he asked has not happened, not in part either, and works when there is
# room.
@test "what an operator asks of a full disk happens not at all, and then whole" {
	local first second

	small_disk a
	crew
	m a job pause tick
	wait_for 20 quiet a
	apply a <<<"jobs = ( { name = \"one\"; command = [ \"/bin/sleep\", \"300\" ];
	    distribution = \"local\"; overlap = \"queue\"; } );"
	first=$(q a .run job run one)
	second=$(q a .run job run one)
	wait_for 10 is a running .state run show "$first"
	is a queued .state run show "$second"
	fill a
	refused 1 "not aborted" m a run abort "$second"
	wait_for 5 is a queued .state run show "$second"
	refused 1 "nothing was stored" m a agent remove c --yes
	wait_for 10 is a true '.[] | select(.name == "c") | .connected' \
	    agent list
	# What runs is not stopped either: it would be on record as aborted.
	refused 1 "not aborted" m a run abort "$first"
	is a running .state run show "$first"
	kill9 a
	make_room a
	start a
	wait_for 15 is a "running queued" '[.[] | select(.ended_at == null) |
	    .state] | sort_by(. == "queued") | join(" ")' run list --job one
	m a run abort "$second"
	is a aborted .state run show "$second"
	m a run abort "$first"
	wait_for 15 is a aborted .state run show "$first"
	m a agent remove c --yes
	wait_for 5 is a false 'any(.[]; .name == "c")' agent list
}
