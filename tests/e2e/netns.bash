# Nodes in network namespaces of the test's own, joined by a bridge, so that
# what goes over the wire can be cut.  Nothing of it touches this machine's own
# network.
#
#   load netns          after lib; then network a b c before any node
#   lose a b            packets from a to b vanish, without a reset
#   sever a b           in both directions
#   refuse a b          both ends are told so: RST
#   unplug a; plug a    its link goes down
#   heal                all of the above is over

NETS=

net()
{
	echo "muster$$-$1"
}

# The number of a node in the address: a is 1.
host()
{
	printf '%d' $(($(printf '%d' "'$1") - 96))
}

address()
{
	echo "10.77.0.$(host "$1")"
}

prefix()
{
	PREFIX=(nsenter "--net=/run/netns/$(net "$1")")
}

# Skips the test where namespaces can't be made.
network()
{
	local n why

	for n in ip nft nsenter; do
		command -v "$n" >/dev/null || skip "no program $n here"
	done
	[ "$(id -u)" -eq 0 ] || skip "network namespaces need root"
	NETS=wire
	UNDO+=(no_network)
	why=$(ip netns add "$(net wire)" 2>&1) ||
	    skip "no network namespace can be made here: $why"
	ip -n "$(net wire)" link add wire type bridge
	ip -n "$(net wire)" link set wire up
	for n in "$@"; do
		NETS="$NETS $n"
		ip netns add "$(net "$n")"
		ip -n "$(net "$n")" link set lo up
		ip -n "$(net "$n")" link add eth0 type veth \
		    peer name "to-$n" netns "$(net wire)"
		ip -n "$(net wire)" link set "to-$n" master wire up
		ip -n "$(net "$n")" address add "$(address "$n")/24" dev eth0
		ip -n "$(net "$n")" link set eth0 up
		rules "$n" 'table ip cut {
		    chain in { type filter hook input priority 0; }; }'
	done
}

no_network()
{
	local n

	for n in $NETS; do
		ip netns del "$(net "$n")" 2>/dev/null || true
	done
}

rules()
{
	nsenter "--net=/run/netns/$(net "$1")" nft "$2"
}

lose()
{
	rules "$2" "add rule ip cut in ip saddr $(address "$1") drop"
}

sever()
{
	lose "$1" "$2"
	lose "$2" "$1"
}

refuse()
{
	rules "$1" "add rule ip cut in ip saddr $(address "$2") ip protocol tcp \
	    reject with tcp reset"
	rules "$2" "add rule ip cut in ip saddr $(address "$1") ip protocol tcp \
	    reject with tcp reset"
}

unplug()
{
	ip -n "$(net "$1")" link set eth0 down
}

plug()
{
	ip -n "$(net "$1")" link set eth0 up
}

heal()
{
	local n

	for n in $NETS; do
		[ "$n" != wire ] || continue
		rules "$n" "flush chain ip cut in"
		plug "$n"
	done
}

# ---- what is the same in every partition ----

# healed [CONNECTION_TIMEOUT]: that and 2 s later there is one Scheduler; and
# then everybody is back, and one is ON.
healed()
{
	local mended

	heal
	mended=$(now_ms)
	wait_for $((${1:-1} + 2)) scheduler_other_than a ""
	echo "settled $(($(now_ms) - mended)) ms after it was mended"
	wait_for 30 is a "2 1" '[.[] | select(.connected and .sync.behind == 0)]
	    | "\(length) \([.[] | select(.status == "on")] | length)"' agent list
	wait_for 5 fires a "$(now_ms)"
}

# taken_over [CONNECTION_TIMEOUT]: b is cut off until c is at work; by then it
# has stopped by itself.
taken_over()
{
	wait_for $((${1:-1} + 7)) scheduler_is a c
	is b true '.status == "off" or .suspended' status
	wait_for 5 fires a "$(now_ms)"
	healed "${1:-1}"
	scheduler_is a c
	account a
}
