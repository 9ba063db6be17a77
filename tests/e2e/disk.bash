# State directories on small disks of their own (tmpfs) that can be filled.
#
#   load disk            after lib
#   small_disk b         before the node b is started
#   fill b; make_room b

SMALL=

small_disk()
{
	local why

	[ "$(id -u)" -eq 0 ] || skip "mounting a small disk needs root"
	[ -n "$SMALL" ] || UNDO+=(no_disks)
	mkdir -p "$T/$1/state"
	chmod 0700 "$T/$1/state"
	why=$(mount -t tmpfs -o size=64m,mode=0700 muster "$T/$1/state" 2>&1) ||
	    skip "no tmpfs can be mounted here: $why"
	SMALL="$SMALL $1"
}

no_disks()
{
	local n

	for n in $SMALL; do
		umount -l "$T/$n/state" 2>/dev/null || true
	done
}

# To the last byte, again and again: a file that shrinks makes room.
fill()
{
	local i

	for i in 1 2 3; do
		cat /dev/zero >>"$T/$1/state/filler" 2>/dev/null || true
	done
	! echo more 2>/dev/null >>"$T/$1/state/filler"
}

make_room()
{
	rm -f "$T/$1/state/filler"
}
