# disk.bats goes on: a spare, and a move that is under way.

load ../lib
load ../merged
load ../disk
load ../gate

setup()
{
	world
}

@test "a spare's disk is full: it is not chosen until there is room" {
	small_disk c
	crew
	fill c
	wait_for 8 is a null .to whatif kill b
	kill9 b
	wait_for 8 is a true '.alerts | tostring | test("no_scheduler")' status
	is a "true off" '.[] | select(.name == "c")
	    | "\(.connected) \(.status)"' agent list
	make_room c
	wait_for 10 scheduler_is a c
	wait_for 5 fires a "$(now_ms)"
	start b				# it tells how its last run ended
	account a
}

@test "the broker's disk is full in the middle of a move: finished later" {
	small_disk a
	gated a
	crew
	close_gate a
	m a agent on c >"$T/asked" 2>&1 3>&- &
	gate_at a "epoch = 1 and body ->> 'intent'"
	# It is decided; that b is off, and the grant, can't be stored now.
	fill a
	open_gate a
	wait_for 5 is b off .status status
	# Longer than it tries to store that for the first time.
	sleep 2
	is b off .status status
	make_room a
	wait_for 5 scheduler_is a c
	wait_for 5 fires a "$(now_ms)"
	account a
}
