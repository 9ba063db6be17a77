# on_broker_loss = "continue" when the role moves meanwhile: the Scheduler b is
# cut off and goes on, c takes over, b comes back.  What a user would lose: the
# knowledge of which runs were doubled, or a run of either.
#
# a is the broker and no agent; each node in a network namespace of its own.

load lib
load netns

setup()
{
	world
	network a b c
	dedicated a
	fast a on_broker_loss=continue
	node b "agent: { initial_status = \"on\"; };"
	node c
	join a b
	join a c
	wait_for 10 scheduler_is a b
	apply a <<-END
	jobs = ( { name = "tick"; triggers = ( { every = "1s"; } );
	    shell = "echo \$MUSTER_AGENT \$MUSTER_OCCURRENCE >>$T/ran";
	    misfire = "all"; overlap = "allow"; on_success = [ "after" ]; },
	    { name = "after"; command = [ "/bin/true" ];
	      overlap = "allow"; } );
	END
	wait_for 10 test -s "$T/ran"
}

ran()
{
	awk -v n="$1" '$1 == n' "$T/ran" | wc -l
}

ran_more()
{
	[ "$(ran "$1")" -ge "$2" ]
}

# In the file that the job writes and in the record: each occurrence has a run,
# one that ran twice has two, one of them marked and with an event that names
# both, and each chain followed once.
accounted()
{
	m a job pause tick
	wait_for 60 quiet a
	q a '.[] | "\(.agent) \(.occurrence)"' run list --job tick \
	    --limit 100000 | sort >"$T/recorded"
	sort "$T/ran" >"$T/ran.sorted"
	diff "$T/recorded" "$T/ran.sorted"
	q a '[.[].occurrence] | unique | (map(.[0:19] + "Z" | fromdate)) as $t
	    | ($t | max) - ($t | min) + 1 - ($t | length)' \
	    run list --job tick --limit 100000 >"$T/gaps"
	[ "$(cat "$T/gaps")" = 0 ]
	is a true 'group_by(.occurrence) | map({n: length,
	    d: [.[] | select(.doubled)] | length}) | all(.n - 1 == .d)' \
	    run list --job tick --limit 100000
	q a '.[] | select(.doubled) | .id' run list --job tick \
	    --limit 100000 | sort >"$T/doubled"
	q a '.[] | select(.code == "run_doubled") | .data.run' event list \
	    --limit 100000 | sort | diff - "$T/doubled"
	is a true 'map(select(.code == "run_doubled")) | all(.severity ==
	    "warn" and .data.run != .data.other and .node == "b")' \
	    event list --limit 100000
	# The run that is not marked is followed, and that one alone.
	[ "$(q a length run list --job after --limit 100000)" -eq "$(q a \
	    '[.[] | select(.doubled | not)] | length' run list --job tick \
	    --limit 100000)" ]
}

@test "another takes over: both runs are on record, and one is marked" {
	sever b a
	wait_for 10 scheduler_is a c
	wait_for 10 is b "true on 1" '"\(.local) \(.status) \(.epoch)"' status
	wait_for 20 ran_more b $(($(ran b) + 4))
	wait_for 20 ran_more c 4
	heal
	wait_for 30 is b "off false 0" '"\(.status) \(.local) \(.spooled)"' \
	    status
	scheduler_is a c
	wait_for 10 ran_more c $(($(ran c) + 2))
	accounted
	[ -s "$T/doubled" ]
}

@test "killed while it goes on, and back when another is at work" {
	sever b a
	wait_for 10 scheduler_is a c
	wait_for 20 is b true .local status
	wait_for 20 ran_more b $(($(ran b) + 3))
	kill9 b
	heal
	start b
	wait_for 30 is b "off 0" '"\(.status) \(.spooled)"' status
	scheduler_is a c
	accounted
	[ -s "$T/doubled" ]
}
