# The faults of soak: what there is to draw from, each with its end.
#
# plan draws everything before the first fault, so that a seed always gives the
# same faults at the same times; who "the Scheduler" is shows at the time.

# weight kind: what it does to whom
kinds()
{
	cat <<-END
	3 kill agent
	4 kill scheduler
	3 kill broker
	3 keeper any
	2 crash any
	1 blackout any
	3 pause agent
	4 pause scheduler
	3 pause broker
	1 pause_keeper any
	2 term agent
	2 term scheduler
	1 term broker
	2 cut_both agent
	2 cut_in scheduler
	2 cut_out scheduler
	3 cut_both scheduler
	1 cut_in broker
	1 cut_out broker
	1 cut_both broker
	4 on agent
	2 off scheduler
	1 off agent
	1 vacant scheduler
	1 off_self scheduler
	2 drain scheduler
	1 drain agent
	1 two_on agent
	2 timeouts broker
	2 condition scheduler
	1 observe broker
	1 advise broker
	1 manual broker
	3 key scheduler
	1 key agent
	1 full agent
	1 full scheduler
	1 full broker
	2 slow agent
	1 slow scheduler
	2 slow broker
	2 edit broker
	2 clock agent
	2 clock scheduler
	1 clock broker
	2 kill_run any
	1 abort_run any
	END
}

# Without namespaces, libfaketime or a compiler, some cannot be done.
can()
{
	case $1 in
	cut_* | full) [ "$ALONE" = yes ] ;;
	clock) [ -n "$CLOCKS" ] ;;
	slow) [ -n "$DISKS" ] ;;
	esac
}

plan()
{
	local w kind who i d at=0
	local -a bag=()

	while read -r w kind who; do
		can "$kind" || continue
		for ((; w > 0; w--)); do
			bag+=("$kind $who")
		done
	done < <(kinds)
	PLANNED=()
	for ((i = 0; i < FAULTS; i++)); do
		# Shorter than a heartbeat, than a lease, than a timeout, and
		# longer than all of them.
		case $((RANDOM % 8)) in
		0) d=$((20 + RANDOM % 250)) ;;
		1 | 2) d=$((300 + RANDOM % 900)) ;;
		3 | 4 | 5) d=$((1200 + RANDOM % 2500)) ;;
		6 | 7) d=$((3700 + RANDOM % 4000)) ;;
		esac
		# Now and then the next one comes while this one is on.
		at=$((at + (RANDOM % 3 == 0 ? RANDOM % 900 : 900 +
		    RANDOM % 5000) * PACE / 100))
		PLANNED+=("$at ${bag[RANDOM % ${#bag[@]}]} $d $RANDOM")
	done
}

show_plan()
{
	local at kind who d pick

	printf '%s\n' "${PLANNED[@]}" | while read -r at kind who d pick; do
		printf '%4d.%03d s  %s %s, %d.%03d s\n' $((at / 1000)) \
		    $((at % 1000)) "$kind" "$who" $((d / 1000)) $((d % 1000))
	done
}

# ---- what is to come ----

ms()
{
	NOW=$(((${EPOCHREALTIME/./} - AGENDA_BEGAN) / 1000))
}

# later MS COMMAND...: that long from now.
later()
{
	local after=$1

	shift
	ms
	AGENDA+=("$((NOW + after)) $*")
}

agenda_begin()
{
	local at kind who d pick

	AGENDA_BEGAN=${EPOCHREALTIME/./} AGENDA=() DONE=0
	for at in "${PLANNED[@]}"; do
		AGENDA+=("$((${at%% *} + 1500)) fault ${at#* }")
	done
}

agenda_run()
{
	local i at what

	ms
	for i in "${!AGENDA[@]}"; do
		at=${AGENDA[i]%% *} what=${AGENDA[i]#* }
		[ "$at" -le "$NOW" ] || continue
		unset "AGENDA[i]"
		# shellcheck disable=SC2086
		$what
	done
}

agenda_done()
{
	[ ${#AGENDA[@]} -eq 0 ]
}

agenda_end()
{
	while ! agenda_done; do
		tick
	done
}

# ---- whom ----

# The agent that went to work last, by what the agents themselves say: the
# broker may be dead.
at_work()
{
	local n

	for n in "${ALL[@]}"; do
		[ ! -f "$T/$n/log" ] || tac "$T/$n/log" |
		    grep -m 1 ' lease .* at work$' |
		    sed "s/.*boottime=\([0-9.]*\).*/\1 $n/"
	done | sort -n | tail -n 1 | cut -d ' ' -f 2
}

whom()
{
	WHOM=
	case $1 in
	broker) WHOM=a ;;
	any) WHOM=${ALL[$2 % ${#ALL[@]}]} ;;
	agent) WHOM=${AGENTS[$2 % ${#AGENTS[@]}]} ;;
	scheduler) WHOM=$(at_work) ;;
	esac
	[ -n "$WHOM" ] || WHOM=${AGENTS[$2 % ${#AGENTS[@]}]}
}

fault()
{
	local kind=$1 who=$2 d=$3 pick=$4 as=

	whom "$who" "$pick"
	[ "$who" = agent ] || as=" ($who)"
	DONE=$((DONE + 1))
	say "#$DONE $kind $WHOM$as, $d ms"
	"fault_$kind" "$WHOM" "$d" "$pick"
}

# An operator's command: whatever comes of it, it must not hold us up.
ask()
{
	{
		echo "\$ $*"
		timeout 12 "$B/muster" -S "$T/a/sock" "$@"
	} >>"$T/ops" 2>&1 &
}

# Until it is done, or nobody is there to do it: the end of a fault.
insist()
{
	local tries=$1

	shift
	{
		echo "\$ $*"
		for ((; tries > 0; tries--)); do
			timeout 12 "$B/muster" -S "$T/a/sock" "$@" && break
			sleep 0.5
		done
	} >>"$T/ops" 2>&1 &
}

# ---- processes ----

fault_kill()
{
	local n=$1 d=$2

	if ! alive "$n"; then
		say "   is dead already"
		return
	fi
	mute[$n]=$((${mute[$n]:-0} + 1)) want[$n]=0
	kill -KILL "${up_pid[$n]}"
	while alive "$n"; do
		read -r -t 0.005 -u "$ZZZ" _
	done
	ended "$n"
	later "$d" back "$n"
}

# What it does not say itself.  One that was killed while it was stopped did
# nothing after that.
ended()
{
	local at

	read -r at _ </proc/uptime
	# Hundredths, cut off: it may have fired within this one.
	echo "test boottime=${paused[$1]:-$at}99 ended" >>"$T/$1/log"
	unset "paused[$1]"
}

# It comes back when the old one is gone.
back()
{
	local n=$1

	if alive "$n" && [ "${want[$n]}" = 0 ]; then
		later 100 back "$n"
		return
	fi
	alive "$n" || {
		ended "$n"
		launch "$n"
	}
	later 1000 unmute "$n"
}

unmute()
{
	mute[$1]=$((mute[$1] - 1))
}

fault_term()
{
	local n=$1 d=$2

	alive "$n" && [ "${want[$n]}" = 1 ] || return 0
	mute[$n]=$((${mute[$n]:-0} + 1)) want[$n]=0
	kill -TERM "${up_pid[$n]}"
	later "$d" back "$n"
}

pause()
{
	local what=$1 n=$2 d=$3 pid=$4

	[ -n "$pid" ] || return 0
	[ "$what" = keeper ] || [ -n "${paused[$n]:-}" ] ||
	    read -r paused[$n] _ </proc/uptime
	kill -STOP "$pid" 2>/dev/null || return 0
	later "$d" wake "$what" "$n" "$pid"
}

wake()
{
	[ "$1" = keeper ] || [ "$3" != "${up_pid[$2]}" ] ||
	    unset "paused[$2]"
	kill -CONT "$3" 2>/dev/null
}

fault_pause()
{
	alive "$1" && pause musterd "$1" "$2" "${up_pid[$1]}"
}

keeper_of()
{
	keepers "$1/state" | head -n 1
}

fault_pause_keeper()
{
	pause keeper "$1" "$2" "$(keeper_of "$1")"
}

# The keeper alone: its runs go on, and are lost to it.
fault_keeper()
{
	local k

	k=$(keeper_of "$1")
	[ -n "$k" ] || return 0
	fact keeper "$1"
	kill -KILL $k
}

# The machine: daemon, keeper and all its runs.
fault_crash()
{
	local n=$1 k p

	k=$(keeper_of "$n")
	p=$([ -z "$k" ] || descendants "$k")
	fact keeper "$n"
	[ -z "$k" ] || kill -KILL $k
	fault_kill "$n" "$2"
	[ -z "$p" ] || kill -KILL $p 2>/dev/null
}

# All of it at once: what came due meanwhile is caught up with.
fault_blackout()
{
	local n

	for n in "${ALL[@]}"; do
		alive "$n" && [ "${want[$n]}" = 1 ] && fault_kill "$n" "$2"
	done
}

# ---- the network ----

cut_off()
{
	local n=$1 d=$2 chain

	shift 2
	for chain; do
		ip netns exec "$n" nft add rule inet cut "$chain" \
		    "$([ "$chain" = in ] && echo iif || echo oif)" != lo drop
	done
	later "$d" mend "$n" "$@"
}

mend()
{
	local n=$1 chain

	shift
	for chain; do
		ip netns exec "$n" nft flush chain inet cut "$chain"
	done
}

fault_cut_both() { cut_off "$1" "$2" in out; }
fault_cut_in() { cut_off "$1" "$2" in; }
fault_cut_out() { cut_off "$1" "$2" out; }

# ---- operators ----

fault_on()
{
	ask agent on "$1"
}

fault_two_on()
{
	ask agent on "$1"
	ask agent on "${AGENTS[$3 / 7 % ${#AGENTS[@]}]}"
}

fault_off()
{
	ask agent off "$1"
	later "$2" insist 3 agent release "$1"
}

fault_vacant()
{
	ask agent off "$1" --vacant
	later "$2" insist 3 agent on "$1"
}

fault_off_self()
{
	timeout 5 "$B/muster" -S "$T/$1/sock" agent off >>"$T/ops" 2>&1 &
	later "$2" insist 3 agent release "$1"
}

fault_drain()
{
	ask agent drain "$1"
	later "$2" insist 5 agent undrain "$1"
}

fault_timeouts()
{
	local sets=("connection_timeout=1s off_timeout=1s grant_timeout=500ms
	    lease=800ms heartbeat=200ms" "connection_timeout=3s off_timeout=2s
	    lease=1600ms heartbeat=500ms" "connection_timeout=1500ms
	    off_timeout=3s lease=1200ms heartbeat=600ms sample_interval=300ms")

	# shellcheck disable=SC2086
	ask setting set ${sets[$3 % 3]}
	# shellcheck disable=SC2086
	later "$2" insist 3 setting set $CALM
}

# Case 2: this one should not be the Scheduler.
fault_condition()
{
	ask setting set transfer_on_condition=true switch_min_interval=0s \
	    "switch_condition=name = \"$1\""
	later "$2" insist 3 setting set transfer_on_condition=false
}

fault_observe()
{
	ask setting set control_status=false
	later "$2" insist 5 setting set control_status=true
}

fault_advise()
{
	ask setting set control=advise
	later "$2" insist 5 setting set control=auto
}

fault_manual()
{
	ask setting set control=manual
	later "$2" insist 5 setting set control=auto
}

# The agent's own key: cleared in its configuration, and set again.
fault_key()
{
	echo "agent: { allow_control = false; };" >>"$T/$1/conf"
	alive "$1" && kill -HUP "${up_pid[$1]}"
	later "$2" key_set "$1"
}

key_set()
{
	sed -i '/allow_control/d' "$T/$1/conf"
	alive "$1" && kill -HUP "${up_pid[$1]}"
}

fault_edit()
{
	catalogue "$3" >"$T/catalogue"
	ask apply --yes "$T/catalogue"
}

# ---- disks, clocks, runs ----

fault_full()
{
	local n=$1

	mute[$n]=$((${mute[$n]:-0} + 1))
	dd if=/dev/zero of="$T/$n/state/filler" bs=1M 2>/dev/null
	cat /dev/zero >>"$T/$n/state/filler" 2>/dev/null
	later "$2" emptied "$n"
}

emptied()
{
	rm -f "$T/$1/state/filler"
	later 2000 unmute "$1"
}

# Each write takes so much longer, until it is over.
fault_slow()
{
	local ms=$((50 + $3 % 950))

	say "   each write takes $ms ms"
	slow "$1" "$ms"
	later "$2" slow "$1" 0
}

a_run()
{
	# One that began and has not ended, by its own word.
	tail -n 40 "$T/outside" | awk '$1 == "S" { at[$3 " " $6] = $8 " " $3 }
	    $1 == "E" { delete at[$3 " " $6] }
	    END { for (i in at) print at[i] }' | sort -n | tail -n 1
}

fault_kill_run()
{
	local pid run

	read -r pid run < <(a_run)
	[ -n "${run:-}" ] || return 0
	fact kill_run "$run"
	kill -KILL "$pid" 2>/dev/null
}

fault_abort_run()
{
	local pid run

	read -r pid run < <(a_run)
	[ -n "${run:-}" ] || return 0
	fact abort_run "$run"
	ask run abort "$run"
}

# By so much that an agent is told from one whose clock is right, or by less.
# The broker only by little: an hour would make all of its jobs due at once.
fault_clock()
{
	local by=(+3600 -3600 +1.2 -1.2 +30 -86400)

	[ "$1" != a ] || by=(+1.2 -1.2 +3 -3)
	by=${by[$3 % ${#by[@]}]}
	say "   $by s"
	fact clock "$1" "$by"
	step "$1" "$by"
	later "$2" step "$1" +0
}
