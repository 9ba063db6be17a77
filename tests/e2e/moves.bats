# kill -9 of the broker in the middle of each step of a move: a restarted one
# finishes it, or abandons it safely.  What a user would lose: the operator's
# choice, silently undone, or two Schedulers at once.  slow/moves.bats has the
# other cases.

load lib
load merged
load gate
load moves

setup()
{
	load_moves
}

@test "case 4, an operator turns X on, the broker dies at each step" {
	local step was

	for step in intent off proof granted sent; do
		was=$(begun "$OLD")
		killed_at "$step" ask agent on "$NEW"
		finished
		# From the moment that the choice was on disk it stood.
		[ "$(begun "$NEW")" -eq "$was" ]
		is a true ".[] | select(.name == \"$OLD\")
		    | .pinned_until != null" agent list
	done
	account a
}
