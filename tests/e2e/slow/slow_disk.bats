# A disk that is busy: each write takes half a second, or more than one.  What a user would
# lose: a role that moves for no reason, or an occurrence that was on its way
# to such a disk when something died.

load ../lib
load ../merged
load ../gate

setup()
{
	world
	gated a b c
	E2E_LOG=debug
	crew
	# A node that takes longer than that for a grant can't be the Scheduler.
	m a setting set grant_timeout=6s >/dev/null
}

# The newest occurrence that ran is of after the time MS.
goes_on()
{
	wait_for 20 fires a "$1"
}

@test "the broker's disk is slow: the role stays, and moves when it must" {
	m a setting set grant_timeout=1s >/dev/null
	slow a 1200
	goes_on $(($(now_ms) + 3000))
	scheduler_is a b
	kill9 b
	wait_for 15 scheduler_is a c
	goes_on "$(now_ms)"
	m a agent drain c
	start b
	wait_for 15 scheduler_is a b
	goes_on "$(now_ms)"
	slow a 0
	account a
}

@test "the broker's disk is slow, and the broker is killed: nothing is lost" {
	local i

	slow a 700
	for i in 1 2 3; do
		goes_on "$(now_ms)"
		kill9 a
		start a
	done
	goes_on "$(now_ms)"
	slow a 0
	account a
}

@test "the Scheduler's disk is slow: it goes on, and another can follow" {
	slow b 400
	goes_on $(($(now_ms) + 4000))
	scheduler_is a b
	m a agent on c
	goes_on "$(now_ms)"
	m a agent on b
	wait_for 10 scheduler_is a b
	kill9 b
	wait_for 10 scheduler_is a c
	goes_on "$(now_ms)"
	slow b 0
	start b
	account a
}

@test "every disk is slow, and the Scheduler is killed twice" {
	slow a 400
	slow b 400
	slow c 400
	goes_on "$(now_ms)"
	kill9 b
	wait_for 15 scheduler_is a c
	goes_on "$(now_ms)"
	start b
	wait_for 15 is a true '.[] | select(.name == "b") | .connected' \
	    agent list
	kill9 c
	wait_for 15 scheduler_is a b
	goes_on "$(now_ms)"
	slow a 0
	start c
	slow b 0
	slow c 0
	account a
}

# What it does alone is told to a broker whose disk is slow, and before that has
# answered the agent is killed: such a run is not lost, and goes on.
@test "what was done alone survives while it is being told" {
	local run

	m a setting set on_broker_loss=continue >/dev/null
	apply a <<-END
	jobs = (
	    { name = "tick"; triggers = ( { every = "1s"; } );
	      shell = "echo \$MUSTER_OCCURRENCE >>$T/fired";
	      misfire = "all"; overlap = "allow"; },
	    { name = "long"; triggers = ( { every = "1s"; } );
	      shell = "until test -e $T/go; do sleep 0.1; done";
	      overlap = "skip"; } );
	END
	wait_for 20 fires a "$(now_ms)"
	kill9 c				# nobody else does the same
	kill9 a
	wait_for 20 is b true .local status
	touch "$T/go"			# the broker's: the next is its own
	sleep 2
	rm "$T/go"
	sleep 3
	slow a 1500
	start a
	wait_for 30 is b true .broker.connected status
	freeze b			# it has told, and hears no answer
	wait_for 30 is a true 'any(.[]; .alone != null)' run list --job long
	kill9 b
	start b
	wait_for 60 is b "0 false" '"\(.spooled) \(.local)"' status
	slow a 0
	run=$(q a 'map(select(.alone != null)) | .[0].id' run list --job long)
	wait_for 20 is a "running false" '"\(.state) \(.late)"' run show "$run"
	touch "$T/go"
	wait_for 20 is a "succeeded false" '"\(.state) \(.late)"' run show \
	    "$run"
	is a 0 '[.[] | select(.doubled or .state == "lost")] | length' \
	    run list --limit 10000
	m a job pause long
	account a
}
