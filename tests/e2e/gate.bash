# A broker whose commits go through a gate, one at a time, so that it can be
# killed in the middle of a step: on disk already, and nothing sent yet.
#
#   load gate            after lib; gated a before the broker a in setup
#   close_gate a
#   gate_at a SQL        lets commits pass until this is true of what is on
#                        disk; a is held then, with nothing of it sent
#   open_gate a

gated()
{
	local n

	for n in "${CC:-gcc}" sqlite3; do
		command -v "$n" >/dev/null || skip "no program $n here"
	done
	[ -f "$BATS_FILE_TMPDIR/gate.so" ] ||
	    "${CC:-gcc}" -std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror \
	    -shared -fPIC -o "$BATS_FILE_TMPDIR/gate.so" "$E2E/gate.c"
	GATED=$1
	mkdir -p "$T/$1/gate"
}

prefix()
{
	PREFIX=()
	[ "$1" != "$GATED" ] || PREFIX=(env "GATE=$T/$1/gate"
	    "LD_PRELOAD=$BATS_FILE_TMPDIR/gate.so")
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
