# Nodes with a wall clock of their own that can be stepped, by libfaketime.
# CLOCK_BOOTTIME and CLOCK_MONOTONIC stay real, as on a machine whose clock is
# set.  The keeper inherits it; runs do not.
#
#   load clock           after lib; own_clocks first of all in setup
#   step b +3600         from now on b's clock is an hour ahead; 0: right again

own_clocks()
{
	FAKETIME=$(ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null |
	    head -n 1)
	[ -n "$FAKETIME" ] || skip "no libfaketime here (package faketime)"
	case $(readlink -f "$B")/ in
	*/address-*) skip "the sanitizers and libfaketime do not mix" ;;
	esac
	UNDO+=(no_clocks)
}

# What libfaketime leaves behind of processes that were killed.
no_clocks()
{
	local f

	for f in /dev/shm/faketime_shm_* /dev/shm/sem.faketime_sem_*; do
		[ ! -e "$f" ] || [ -d "/proc/${f##*_}" ] || rm -f "$f"
	done
}

# One that is read while it is written would be no clock at all.
step()
{
	echo "$2" >"$T/$1/clock.new"
	mv "$T/$1/clock.new" "$T/$1/clock"
}

prefix()
{
	[ -f "$T/$1/clock" ] || step "$1" +0
	PREFIX=(env "LD_PRELOAD=$FAKETIME" FAKETIME_NO_CACHE=1
	    FAKETIME_DONT_FAKE_MONOTONIC=1
	    "FAKETIME_TIMESTAMP_FILE=$T/$1/clock")
}
