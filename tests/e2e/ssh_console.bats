# The console that the daemon itself starts: ssh -t HOST.

load lib

setup()
{
	world
	mkdir -m 700 "$T/home/.ssh"
	ssh-keygen -q -t ed25519 -N '' -C anna -f "$T/anna"
	broker a "operators = ( { name = \"anna\"; group = \"admin\";
	    key = \"$(cat "$T/anna.pub")\"; } );"
	cat >"$T/console" <<-END
	ssh -F none -t -i $T/anna -o IdentitiesOnly=yes -o BatchMode=yes \
	    -o UserKnownHostsFile=$T/known -o StrictHostKeyChecking=no \
	    -o LogLevel=ERROR -p $(port a) anna@127.0.0.1
	echo "ended with \$?"
	exec sleep 600
	END
	tmux -S "$T/tmux" -f /dev/null new-session -d -x 80 -y 24 \
	    "sh $T/console"
	wait_for 15 shows '[1 Agents]'
}

teardown()
{
	tmux -S "$T/tmux" kill-server 2>/dev/null || true
	if [ "${BATS_TEST_COMPLETED:-}" != 1 ]; then
		tail -n 40 "$T/a/log"
	fi
	sweep
	rm -rf "$T"
}

shows()
{
	tmux -S "$T/tmux" capture-pane -p | grep -F -e "$1"
}

wide()
{
	tmux -S "$T/tmux" capture-pane -p | grep -E '^ \[1 .{110}'
}

keys()
{
	tmux -S "$T/tmux" send-keys "$@"
}

# ended STATUS; leaks are looked for by a process that traces, which is among
# what the console gives up: a sanitized one ends with another status.
ended()
{
	case $B in
	*address*) shows "ended with" ;;
	*) shows "ended with $1" ;;
	esac
}

children()
{
	pgrep -P "$(pid a)" -x muster
}

nobody()
{
	! children
}

@test "it does what the operator may, under that name, and follows the window" {
	wait_for 10 shows 'LIVE'
	tmux -S "$T/tmux" resize-window -x 132 -y 40
	wait_for 10 wide
	keys ':'
	wait_for 5 shows ':'
	keys 'setting set token_ttl=2m' Enter
	wait_for 10 is a true 'any(.[]; .code == "setting_changed" and
	    (.actor | test("^anna@127")))' event list
	keys q
	wait_for 10 ended 0
	wait_for 5 nobody
}

@test "it has no files, no shell and nothing of the daemon's" {
	local p

	p=$(children)
	run -0 ls "/proc/$p/fd"
	[ "${lines[*]}" = "0 1 2 3" ]
	run -0 tr '\0' '\n' <"/proc/$p/environ"
	[ "$(sort <<<"$output" | cut -d= -f1 | xargs)" = "LC_ALL PATH TERM" ]
	run -0 grep -E 'NoNewPrivs' "/proc/$p/status"
	[[ "$output" == *1 ]]
	[ "$(id -u)" != 0 ] || [ "$(stat -c %u "/proc/$p")" != 0 ]
	echo 'jobs = ( );' >"$T/file"
	chmod 644 "$T/file"
	keys ':'
	wait_for 5 shows ':'
	keys "apply $T/file" Enter
	wait_for 5 shows 'reads no files'
}

@test "it ends with its terminal, and with the daemon" {
	local ssh

	ssh=$(pgrep -f "^ssh .*$T/anna")
	[ -n "$(children)" ]
	kill -KILL "$ssh"
	wait_for 5 nobody
	tmux -S "$T/tmux" new-window "sh $T/console"
	wait_for 15 shows '[1 Agents]'
	kill -TERM "$(pid a)"
	wait_for 10 shows 'musterd has ended this console'
	wait_for 10 ended 3
}
