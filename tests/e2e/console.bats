# The console in a terminal of its own (tmux), beside real daemons: what an
# operator sees, and what a key does and does not do.

load lib

setup()
{
	world
	mkdir -p "$T/bin"
	cat >"$T/tmux.conf" <<-END
	set -g default-terminal tmux-256color
	set -s escape-time 0
	set -s set-clipboard on
	set -g allow-rename on
	set -g automatic-rename off
	set -g remain-on-exit on
	END
	# What the terminal was before and is after goes to files.
	cat >"$T/run" <<-'END'
	#!/bin/sh
	ulimit -c 0
	tty=$1
	shift
	stty -a >"$tty.before"
	"$@"
	echo "ended with $?"
	stty -a >"$tty.after"
	exec cat -v
	END
	chmod +x "$T/run"
}

teardown()
{
	if [ "${BATS_TEST_COMPLETED:-}" != 1 ]; then
		for w in $(tmx list-windows -F '#{window_name}' 2>/dev/null); do
			echo "--- screen $w"
			tmx capture-pane -p -t ":=$w"
		done
		for w in "$T"/*/log; do
			echo "--- ${w#"$T"/}"
			tail -n 20 "$w"
		done
	fi
	tmx kill-server 2>/dev/null || true
	# A sanitized one may hang when it is hung up on while it looks for
	# leaks; a good one has ended.
	for w in $(pgrep -f "^$B/muster -S $T/"); do
		kill -KILL "$w" 2>/dev/null
	done
	sweep
	rm -rf "$T"
}

tmx()
{
	tmux -S "$T/tmux" -f "$T/tmux.conf" "$@"
}

# console NODE [VARIABLE=VALUE...]: on a terminal of 80 by 24, its window has
# the node's name and is the one that is looked at.
console()
{
	local node=$1 new="new-session -x 80 -y 24"

	shift
	! tmx has-session 2>/dev/null || new=new-window
	# shellcheck disable=SC2086
	tmx $new -d -n "$node" env "$@" "$T/run" "$T/$node/tty" \
	    "$B/muster" -S "$T/$node/sock"
	look "$node"
	wait_for 15 shows '[1 Agents]'
	wait_for 15 shows ' LIVE '
}

look()
{
	at_window=":=$1"
}

screen()
{
	tmx capture-pane -p -t "$at_window" "$@"
}

shows()
{
	screen | grep -F -e "$1"
}

shows_not()
{
	! shows "$1"
}

# A regular expression, for what may have any number in it.
has()
{
	screen | grep -E -e "$1"
}

keys()
{
	tmx send-keys -t "$at_window" "$@"
}

format()
{
	tmx display-message -p -t "$at_window" "$1"
}

format_is()
{
	[ "$(format "$1")" = "$2" ]
}

# A question is deaf for 300 ms: type as people do, until it is there.
typed()
{
	shows "[$1 " || {
		keys C-u
		keys -l "$1"
		false
	}
}

answer()
{
	wait_for 5 typed "$1"
	keys Enter
}

said_yes()
{
	shows_not 'y does it' || {
		keys y
		false
	}
}

left_alone()
{
	shows_not 'y does it' || {
		keys Escape
		false
	}
}

yes_to_it()
{
	wait_for 5 shows 'y does it'
	wait_for 5 said_yes
}

# The newest epoch that the broker has decided about.
epoch()
{
	q "$1" '[.[].epoch] | max' why
}

decisions()
{
	q "$1" '[.[] | select(.case == 4 or .case == 5)] | length' why
}

program()
{
	pgrep -P "$(format '#{pane_pid}')" -x muster
}

# Two nodes of one cluster, and who holds the role.
pair()
{
	broker a
	node b
	fast_restart a
	join a b
	wait_for 15 scheduler_other_than a ''
}

@test "two consoles, eight keys and a paste: a machine joins" {
	local token words

	broker a
	node b
	console a
	console b
	wait_for 5 shows 'J asks a broker'
	keys J
	wait_for 5 shows 'Broker (HOST or HOST:PORT)'
	answer "$(at a)"
	wait_for 10 shows 'Check words:'
	words=$(screen | sed -n 's/.*Check words: \([a-z ]*[a-z]\).*/\1/p' |
	    head -n 1)
	[ "$(wc -w <<<"$words")" -eq 4 ]
	look a
	wait_for 10 shows 'b asks to join as agent (2 shows it)'
	keys 2
	wait_for 10 shows '[2 Join(1)]'
	keys A
	wait_for 5 shows 'Accept: b'
	shows "Words   $words"
	yes_to_it
	wait_for 5 shows 'T shows its token now'
	sleep 0.4		# nobody has read it sooner: keys are deaf
	keys T
	wait_for 5 shows 'Make and show a token: b'
	yes_to_it
	wait_for 5 shows 'muster join complete'
	sleep 0.4
	keys v
	wait_for 5 shows_not 'Make and show'
	# A line that is as long as it is, whole: what the mouse would take.
	token=$(screen -J | tr -d '\n' | grep -oE 'jt-[0-9A-Z-]+')
	look b
	wait_for 10 shows 'Paste the token'
	tmx set-buffer -b token "$token"
	pasted()
	{
		has '\[\*+ *\]' || {
			tmx paste-buffer -p -b token -t "$at_window"
			false
		}
	}
	wait_for 5 pasted
	shows_not "$token"
	keys Enter
	wait_for 10 shows '[1 Agents]'
	wait_for 10 has '^. b me .*spare'
	wait_for 10 is a true 'any(.[]; .name == "b" and .connected)' agent list
	look a
	keys Escape Escape 1
	wait_for 10 has '^. b  .*spare'
}

@test "the role is moved, taken away and given back with keys" {
	local to epoch

	pair
	console a
	wait_for 10 has 'SCHED:[ab] e[0-9]+'
	to=b
	scheduler_is a a || to=a
	epoch=$(epoch a)
	keys g
	[ $to = a ] || keys j
	wait_for 5 has "^> $to "
	keys S
	wait_for 5 shows "Turn ON the Scheduler role: $to"
	wait_for 5 shows "Same as: muster agent on $to --epoch $epoch"
	wait_for 5 shows "$to holds it (epoch $((epoch + 1))"
	answer $to
	wait_for 10 shows "SCHED:$to e$((epoch + 1)) "
	run -0 m a why
	[[ "$output" == *"case 4"* ]] || is a "4 $((epoch + 1)) $to" \
	    '.[0] | "\(.case) \(.epoch) \(.to)"' why

	# Off and vacant: nobody, until somebody turns it on.
	wait_for 10 has "^> $to .*SCHEDULER"
	keys S
	wait_for 5 shows "Turn OFF the Scheduler role: $to"
	wait_for 5 shows '(x) the next in line takes it'
	chosen()
	{
		shows '(x) NOBODY' || {
			keys Space
			false
		}
	}
	wait_for 5 chosen
	wait_for 5 shows '--vacant'
	answer $to
	wait_for 10 shows 'SCHED:NOBODY!'
	wait_for 5 shows 'NOBODY schedules: S on an agent turns it on'
	keys S
	wait_for 5 shows "Turn ON the Scheduler role: $to"
	answer $to
	wait_for 10 has "SCHED:$to e[0-9]+"
	wait_for 10 scheduler_is a $to
}

@test "it shows by itself that the Scheduler died, and that its own daemon did" {
	local epoch

	pair
	scheduler_is a b || m a agent on b
	wait_for 10 scheduler_is a b
	console a
	wait_for 10 shows 'SCHED:b e'
	epoch=$(epoch a)
	kill9 b
	wait_for 15 shows "SCHED:a e$((epoch + 1)) "
	wait_for 10 has '^. b .*OFFLINE'
	kill9 a
	wait_for 5 has ' LOST [0-9]+s'
	wait_for 5 shows '** No link to a:'
	wait_for 5 shows 'Data as of'
	# Old data may be read, not acted on.
	keys S
	wait_for 5 shows 'nothing is changed on old data'
	start a
	wait_for 20 shows ' LIVE '
	wait_for 5 shows_not 'No link'
	wait_for 5 shows 'missed:'
}

@test "a log is followed, and left alone when it is read" {
	local first

	broker a
	apply a <<<'jobs = ( { name = "pour"; triggers = ();
	    shell = "i=0; while :; do i=$((i+1)); echo line $i of many;
	        sleep 0.02; done"; distribution = "local"; } );'
	console a
	m a job run pour
	keys 4
	wait_for 10 has '^> #[0-9]+ +pour .*running'
	wait_for 10 shows '-- following'
	wait_for 10 has 'line [0-9]{3} of many'
	keys Tab
	# Up is a key of the log only when the log has been entered.
	paused()
	{
		has 'PAUSED, [0-9]+ new' || {
			keys Up
			false
		}
	}
	wait_for 5 paused
	wait_for 5 has 'PAUSED, [0-9]{2,} new'
	first=$(screen | grep -m 1 -oE 'line [0-9]+ of many')
	wait_for 10 has 'PAUSED, [0-9]{3,} new'
	[ "$first" = "$(screen | grep -m 1 -oE 'line [0-9]+ of many')" ]
	keys End
	wait_for 5 shows '-- following'
	wait_for 5 shows_not "$first"
	keys Tab
	keys X
	wait_for 5 shows 'Kill: #'
	answer pour
	wait_for 15 has '^> #[0-9]+ +pour +a +(killed|aborted)'
	wait_for 5 shows '-- ended'
}

@test "what a job prints is shown, not obeyed" {
	local title

	broker a
	# Title, clipboard, colour, C1, bidi, a return over the line, clear, bell.
	printf 'one \033]0;owned\007two \033]52;c;b3duZWQ=\007three\n' >"$T/bad"
	printf 'red \033[31mnot\033[0m \302\2332Jc1 \233 raw\n' >>"$T/bad"
	printf 'bidi \342\200\256 end\rover\n\033[2J\033[H\033ccleared\n' \
	    >>"$T/bad"
	apply a <<<"jobs = ( { name = \"bad\"; triggers = ();
	    shell = \"cat '$T/bad'; echo the end\";
	    distribution = \"local\"; } );"
	console a
	tmx select-pane -t "$at_window" -T mine
	title=$(format '#{pane_title}')
	m a job run bad --wait
	keys 4
	wait_for 10 shows 'the end'
	screen >"$T/shown"
	grep -q 'one .*\[.*owned.*two .*52;c;.*three' "$T/shown" ||
	    grep -q 'one .*owned.*two .*three' "$T/shown"
	grep -q 'red .*\[31mnot' "$T/shown"
	grep -q 'bidi .* end.*over' "$T/shown"
	grep -q 'cleared' "$T/shown"
	grep -qF '[4 Runs' "$T/shown"
	run -1 grep $'\u202e' "$T/shown"
	# None of the colours came through: red is of no cell of that line.
	screen -e >"$T/coloured"
	grep 'red ' "$T/coloured" >"$T/red"
	run -1 grep $'\e\\[[0-9;]*31m' "$T/red"
	[ "$(format '#{pane_title}')" = "$title" ]
	[ "$(format '#{window_name}')" = a ]
	run -1 tmx show-buffer
}

@test "neither what was typed ahead nor a paste answers a question" {
	local before until

	pair
	console a
	wait_for 10 has 'SCHED:[ab] e[0-9]+'
	before=$(decisions a)
	keys g
	wait_for 5 has '^> a '
	# All in one write: the answer is there before the question is.
	keys -l 'Sa'
	keys Enter
	wait_for 5 has 'Type a to do it, Esc to leave it: \[ '
	wait_for 5 typed z
	tmx set-buffer -b hasty $'a\n'
	keys C-u
	wait_for 5 has 'leave it: \[ '
	tmx paste-buffer -p -b hasty -t "$at_window"
	keys -l x
	wait_for 5 has 'leave it: \[x '
	keys C-u
	# Enter alone is no answer, nor is another name.
	keys Enter
	keys -l wrong
	wait_for 5 has 'leave it: \[wrong '
	keys Enter
	wait_for 5 shows 'That is not a: nothing was done'
	keys Escape
	wait_for 5 shows_not 'Type a to do it'
	# Nor where one letter would do: neither typed with the key nor pasted.
	keys g
	! has '^> a .*SCHEDULER' || keys j
	wait_for 5 has '^> [ab] .*spare'
	keys -l 'Dy'
	wait_for 5 shows 'y does it, n or Esc leaves it'
	tmx set-buffer -b hasty y
	until=$(($(now_ms) + 800))
	while [ "$(now_ms)" -lt "$until" ]; do
		tmx paste-buffer -p -b hasty -t "$at_window"
		shows 'y does it, n or Esc leaves it'
	done
	wait_for 5 left_alone
	wait_for 5 is a 0 '[.[] | select(.drained)] | length' agent list
	# Pasted into a list, capitals are no keys.
	tmx set-buffer -b hasty $'DXSq\n'
	tmx paste-buffer -p -b hasty -t "$at_window"
	keys 5
	wait_for 5 shows '[5 Events'
	[ "$(decisions a)" = "$before" ]
}

@test "vt100, LC_ALL=C and NO_COLOR: readable, and every screen reachable" {
	local n

	broker a
	console a TERM=vt100 LC_ALL=C NO_COLOR=1
	for n in '1 Agents' '2 Join' '3 Jobs' '4 Runs' '5 Events' '6 Sched' \
	    '7 Settings'; do
		keys "${n%% *}"
		wait_for 5 has "\\[$n"
		wait_for 5 has '.'
		# One byte, one cell: nothing but printable ASCII.
		run -1 env LC_ALL=C grep -nP '[^\x20-\x7e]' <(screen)
		# Bold, underline and reverse only: no colours at all.
		run -1 grep -E $'\e\\[([0-9;]*;)?(3[0-7]|4[0-7]|9[0-7]|38)[;m]' \
		    <(screen -e)
	done
	keys '?'
	wait_for 5 shows 'Enter'
	keys Escape 1
	wait_for 5 shows '[1 Agents]'
	[ "$(screen | awk '{ if (length($0) > n) n = length($0) }
	    END { print (n > 80) }')" = 0 ]
	keys Down Up Tab
	wait_for 5 has '\[2 Join'
	keys q
	wait_for 5 shows 'ended with 0'
}

# left HOW STATUS: it has ended that way, and the terminal is as before.
left()
{
	wait_for 10 shows "ended with $1"
	wait_for 5 test -s "$T/a/tty.after"
	diff "$T/a/tty.before" "$T/a/tty.after"
	format_is '#{alternate_on} #{cursor_flag}' '0 1'
	# Bracketed paste is off again: a paste comes as it is.
	tmx set-buffer -b plain 'as it is'
	tmx paste-buffer -p -b plain -t "$at_window"
	wait_for 5 shows 'as it is'
	shows_not '200~'
	tmx kill-server
	wait_for 5 eval "! tmx has-session 2>/dev/null"
	rm -f "$T/a"/tty.*
}

@test "the terminal is left as it was: q, TERM, a crash, a hang-up" {
	local p

	broker a
	console a
	format_is '#{alternate_on}' 1
	keys q
	left 0
	console a
	kill -TERM "$(program)"
	left 143
	console a
	kill -SEGV "$(program)"
	left 139
	console a
	p=$(program)
	kill -KILL "$(format '#{pane_pid}')"
	wait_for 5 gone "$p"
}

# The digits aside, a redraw of everything changes nothing.
whole()
{
	local before

	before=$(screen | tr 0-9 '#')
	keys C-l
	[ "$before" = "$(screen | tr 0-9 '#')" ] && has '^ .* LIVE( |$)'
}

@test "it follows the size of its terminal" {
	pair
	console a
	tmx set -g window-size manual
	tmx resize-window -t "$at_window" -x 200 -y 60
	wait_for 5 shows 'ADDRESS'
	wait_for 5 shows 'last events'
	wait_for 5 whole
	[ "$(screen | sed -n 60p | grep -c 'Enter')" = 1 ]
	tmx resize-window -t "$at_window" -x 40 -y 10
	wait_for 5 shows_not 'last events'
	wait_for 5 shows ' LIVE'
	wait_for 5 whole
	wait_for 5 has '^> a '
	tmx resize-window -t "$at_window" -x 80 -y 24
	wait_for 5 shows '7 Settings'
	wait_for 5 whole
	[ "$(screen | sed -n 24p | grep -c 'Enter open')" = 1 ]
	shows 'HEALTH'
}
