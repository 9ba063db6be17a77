# Nodes whose commits go through a gate, one at a time, so that a broker can be
# killed in the middle of a step: on disk already, and nothing sent yet.  Or
# their disk is slow.
#
#   load gate            after lib; gated a … before these nodes are started
#   close_gate a
#   gate_at a SQL        lets commits pass until this is true of what is on
#                        disk; a is held then, with nothing of it sent
#   open_gate a
#   slow a MS            each sync takes so much longer; 0: no more

# What is preloaded, made once: prints its path.
gate_so()
{
	local n so=${BATS_FILE_TMPDIR:-$T}/gate.so

	for n in "${CC:-gcc}" sqlite3; do
		command -v "$n" >/dev/null || skip "no program $n here"
	done
	[ -f "$so" ] || "${CC:-gcc}" -std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra \
	    -Werror -shared -fPIC -o "$so" "$E2E/gate.c"
	echo "$so"
}

gated()
{
	local n

	gate_so >/dev/null
	GATED=" $* "
	for n; do
		mkdir -p "$T/$n/gate"
	done
}

prefix()
{
	PREFIX=()
	[[ $GATED != *" $1 "* ]] || PREFIX=(env "GATE=$T/$1/gate"
	    "LD_PRELOAD=$BATS_FILE_TMPDIR/gate.so")
}

# One that is read while it is written would be none.
slow()
{
	if [ "$2" -eq 0 ]; then
		rm -f "$T/$1/gate/slow"
	else
		echo "$2" >"$T/$1/gate/slow.new"
		mv "$T/$1/gate/slow.new" "$T/$1/gate/slow"
	fi
}

close_gate()
{
	rm -f "$T/$1/gate/waiting"
	touch "$T/$1/gate/closed"
}

open_gate()
{
	rm -f "$T/$1/gate/closed" "$T/$1/gate/waiting"
}

# What a broker that is killed now would find when it starts.
on_disk()
{
	rm -rf "$T/$1/seen"
	mkdir "$T/$1/seen"
	cp "$T/$1/state/muster.db" "$T/$1/state/muster.db-wal" "$T/$1/seen/"
	sqlite3 "$T/$1/seen/muster.db" "$2"
}

gate_at()
{
	local until=$(($(now_ms) + 15000))

	while [ "$(now_ms)" -lt "$until" ]; do
		if [ -f "$T/$1/gate/waiting" ]; then
			[ "$(on_disk "$1" "select ($2) from role")" != 1 ] ||
			    return 0
			rm -f "$T/$1/gate/waiting"
		fi
		sleep 0.005
	done
	echo "not on disk: $2; this is:"
	on_disk "$1" "select * from role"
	return 1
}
