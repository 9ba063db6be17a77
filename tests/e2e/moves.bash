# The broker is killed (kill -9) in the middle of each step of a move, and
# started again.  a is the broker, gated; b and c take turns.

load_moves()
{
	world
	gated a
	crew
	m a setting set switch_min_interval=0s >/dev/null
	OLD=b
	NEW=c
}

# How often NODE began to work.
begun()
{
	grep -c 'cluster=a .* at work' "$T/$1/log" || true
}

# In the background, for it is not answered while the gate is closed.
ask()
{
	m a "$@" >>"$T/asked" 2>&1 3>&- &
}

# killed_at STEP COMMAND...: COMMAND begins a move from OLD to NEW, and the
# broker dies at that step of it:
#   intent   on disk that it shall be, OFF not sent
#   off      OFF sent, not proved
#   proof    off proved, and that on disk; no grant yet
#   granted  the grant on disk, not sent
#   sent     the grant sent, not confirmed
killed_at()
{
	local step=$1 epoch

	shift
	epoch=$(on_disk a "select epoch from role")
	close_gate a
	"$@"
	case $step in
	intent | off | proof)
		gate_at a "epoch = $epoch and holder != '0'
		    and body ->> 'intent'" ;;
	granted | sent)
		gate_at a "epoch = $epoch + 1" ;;
	esac
	case $step in
	off)
		freeze "$OLD"
		open_gate a
		wait_for 5 is a true \
		    '.[0].steps | any(.step | startswith("off sent"))' why
		;;
	proof)
		# It can't be granted what it does not ask for; but a heartbeat
		# may be on its way, and then proof and grant are one commit.
		freeze "$NEW"
		gate_at a "epoch = $epoch and holder = '0'
		    or epoch = $epoch + 1"
		;;
	sent)
		freeze "$NEW"
		open_gate a
		wait_for 5 grep -q "epoch $((epoch + 1)) granted" "$T/a/log"
		;;
	esac
	kill9 a
	open_gate a
	echo "killed at $step: $(on_disk a "select * from role")"
	start a
	thaw "$OLD" || true		# it may be dead
	thaw "$NEW"
}

# The move was finished, and the next one goes the other way.
finished()
{
	local was

	wait_for 8 scheduler_is a "$NEW"
	wait_for 5 fires a "$(now_ms)"
	wait_for 8 is a "off" ".[] | select(.name == \"$OLD\") | .status" \
	    agent list
	was=$OLD
	OLD=$NEW
	NEW=$was
}
