# A file server that is away: whoever looks at its files waits, for hours
# perhaps.  Nothing but the file triggers that lead there may.

load lib

# b, the Scheduler, hangs at $T/far while that is shut.
setup()
{
	world
	command -v "${CC:-gcc}" >/dev/null || skip "no program ${CC:-gcc} here"
	[ -f "$BATS_FILE_TMPDIR/hang.so" ] ||
	    "${CC:-gcc}" -std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror \
	    -shared -fPIC -o "$BATS_FILE_TMPDIR/hang.so" "$E2E/hang.c"
	mkdir "$T/hang" "$T/far" "$T/near"
}

prefix()
{
	PREFIX=()
	[ "$1" != b ] || PREFIX=(env "HANG=$T/hang" "HANG_AT=$T/far"
	    "LD_PRELOAD=$BATS_FILE_TMPDIR/hang.so")
}

shut()
{
	touch "$T/hang/closed"
}

open()
{
	rm "$T/hang/closed"
}

# What spool is told of, in $T/spooled.
watching()
{
	# A busy machine alone must not make the role move.
	crew "connection_timeout=5s off_timeout=5s grant_timeout=5s lease=4s
	    heartbeat=200ms sample_interval=500ms"
	apply a <<-END
	jobs = ( { name = "spool"; overlap = "allow"; triggers = (
	    { file = "$T/far/in/*"; }, { file = "$T/near/*"; } );
	    shell = "printf '%s\\\\n' \"\$MUSTER_FILE\" >>$T/spooled"; } );
	END
	wait_for 10 is a 0 '[.[] | .sync.behind] | add' agent list
}

spooled()
{
	[ "$(sort "$T/spooled")" = "$(printf '%s\n' "$@")" ]
}

alert()
{
	is b "$1" 'any(.alerts[]; .code == "files_hang")' status
}

@test "a file server that is away: the role stays, all else goes on" {
	local epoch

	shut
	mkdir "$T/far/in"
	watching
	wait_for 10 test -e "$T/hang/waiting"
	epoch=$(m b status --json | jq .epoch)
	echo >"$T/far/in/1"
	echo >"$T/near/1"
	# The other one goes on as soon as the hang is noticed.
	wait_for 40 grep -q "path=$T/far.* hangs for" "$T/b/log"
	wait_for 15 spooled "$T/near/1"
	alert true
	wait_for 5 is a true 'any(.alerts[]; .code == "files_hang" and
	    .node == "b")' status
	is b "$epoch" '.epoch' status
	wait_for 5 fires a "$(now_ms)"
	echo >"$T/far/in/2"
	echo >"$T/near/2"
	wait_for 15 spooled "$T/near/1" "$T/near/2"
	# Each once, and once more none.
	open
	wait_for 15 spooled "$T"/far/in/{1,2} "$T"/near/{1,2}
	wait_for 10 grep -q "path=$T/far.* answers again" "$T/b/log"
	wait_for 10 alert false
	echo >"$T/far/in/3"
	wait_for 15 spooled "$T"/far/in/{1,2,3} "$T"/near/{1,2}
	[ "$(grep -c "hangs for" "$T/b/log")" -eq 1 ]
	is b "$epoch" '.epoch' status
	! grep -q 'stood still' "$T/b/log"
	m a job pause tick
	wait_for 15 quiet a
	exactly_once a
}

@test "the role goes and comes back, and musterd ends, while it hangs" {
	local threads

	shut
	mkdir "$T/far/in"
	watching
	wait_for 10 test -e "$T/hang/waiting"
	threads=$(ls "/proc/$(pid b)/task" | wc -l)
	echo >"$T/far/in/1"
	for _ in 1 2 3; do
		m a agent on c
		wait_for 15 scheduler_is a c
		m a agent on b
		wait_for 15 scheduler_is a b
	done
	# c does not hang.
	m a agent on c
	wait_for 15 spooled "$T/far/in/1"
	m a agent on b
	wait_for 15 scheduler_is a b
	[ "$(ls "/proc/$(pid b)/task" | wc -l)" -le "$threads" ]
	echo >"$T/far/in/2"
	kill -TERM "$(pid b)"
	wait_for 5 gone "$(pid b)"
	wait_for 15 scheduler_is a c
	wait_for 15 spooled "$T"/far/in/{1,2}
	open
	start b
	m a agent on b
	wait_for 15 scheduler_is a b
	echo >"$T/far/in/3"
	wait_for 15 spooled "$T"/far/in/{1,2,3}
	m a job pause tick
	wait_for 15 quiet a
	exactly_once a
}
