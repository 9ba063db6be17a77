# Bad input and bad days: each gets its line and its exit status.

load lib

@test "a configuration with an unknown name: line and nearest name" {
	local f=$T/conf

	printf 'listen:\n{\n  prot = 7422;\n};\n' >"$f"
	refused 2 "conf:3:" "$B/musterd" -n -c "$f"
	[[ "$output" == *'"port"'* ]]
	printf 'listen: { port = 70000; };\n' >"$f"
	refused 2 "65535" "$B/musterd" -n -c "$f"
	printf 'listen: { port = 7422;\n' >"$f"
	refused 2 "conf:" "$B/musterd" -c "$f"
	refused 5 "$T/nosuch" "$B/musterd" -c "$T/nosuch"
	run -2 "$B/musterd" --frobnicate
	configure a
	run -0 "$B/musterd" -n -c "$T/a/conf"
}

@test "a second musterd on one state directory, one port" {
	broker a
	run -1 "$B/musterd" -c "$T/a/conf"
	[[ "$output" == *"another musterd"*"stop it first"* ]]
	configure b
	port a >"$T/b/port"
	configure b
	run -1 "$B/musterd" -c "$T/b/conf"
	[[ "$output" == *"$(port a)"* ]]
	is a a .node status
}

@test "garbage on the port and on the socket" {
	local i p

	broker a
	p=$(port a)
	for i in 1 2 3 4 5; do
		head -c 20000 /dev/urandom >"/dev/tcp/127.0.0.1/$p" || true
		printf 'GET / HTTP/1.0\r\n\r\n' >"/dev/tcp/127.0.0.1/$p" || true
		: >"/dev/tcp/127.0.0.1/$p"
	done 2>/dev/null
	say 'hello\n'
	[[ "$output" == *error* ]]
	say '{"jsonrpc":"2.0","id":1,"method":"hello","params":{"protocol":1}}\n{"jsonrpc":"2.0","id":2,"method":"no.such"}\n'
	[[ "$output" == *32601* ]]
	say '[[[[[[[[[[[[[[\n'
	say '{"jsonrpc":"2.0","id":1,"method":"job.run","params":7}\n'
	head -c 3000000 /dev/zero | tr '\0' '{' |
	    timeout 10 perl -e "$SAY" "$T/a/sock" || true
	head -c 100000 /dev/urandom |
	    timeout 10 perl -e "$SAY" "$T/a/sock" >/dev/null || true
	is a a .node status
	is a 0 length job list
}

# Standard input to a local socket, the answer to standard output.
SAY='use IO::Socket::UNIX; $SIG{PIPE} = "IGNORE";
    my $s = IO::Socket::UNIX->new(Peer => shift) or die "$!";
    while (sysread(STDIN, my $b, 65536)) { syswrite($s, $b) or last }
    shutdown($s, 1); alarm 3;
    $SIG{ALRM} = sub { exit 0 };
    while (sysread($s, my $b, 65536)) { syswrite(STDOUT, $b) }'

say()
{
	run timeout 10 perl -e "$SAY" "$T/a/sock" <<<"$(printf "$1")"
	echo "$output"
}

@test "a cloned state directory: the second is refused while the first is heard" {
	broker a
	node b
	join a b worker
	freeze b
	configure c
	cp -a "$T/b/state" "$T/c/state"
	rm -f "$T/c/state/keeper.sock"
	thaw b
	start c
	wait_for 10 is a true 'any(.[]; .message | test("in use twice"))' event list
	is a true '[.[] | select(.message | test("in use twice"))][0].message |
	    test("muster key reset, then join again")' event list
	is a true '.[] | select(.name == "b") | .connected' agent list
	is a 2 length agent list
	wait_for 5 is b true .broker.connected status
	is c false .broker.connected status
	is c true '.broker.trouble | test("in use twice")' status
	# The cure, as it was named.
	refused 1 "is a broker" m a key reset --yes
	m c key reset --yes
	stop c
	start c
	is c standalone .mode status
	[ "$(q c .fingerprint key show)" != "$(q b .fingerprint key show)" ]
	join a c
	is a 3 length agent list
	is b true .broker.connected status
}

@test "unknown nouns, verbs, options and names" {
	broker a
	refused 2 "" m a frobnicate
	refused 2 "" m a agent lst
	refused 2 "" m a agent list --nosuch
	refused 2 "" m a agent
	refused 2 "" m a job run
	for verb in show on off release drain undrain "rename nosuch x" \
	    "remove nosuch --yes" "set nosuch priority=1" history; do
		case $verb in
		*nosuch*) refused 5 "nosuch" m a agent $verb ;;
		*) refused 5 "nosuch" m a agent $verb nosuch ;;
		esac
	done
	for verb in show "run nosuch" pause resume "remove nosuch --yes" next; do
		case $verb in
		*nosuch*) refused 5 "nosuch" m a job $verb ;;
		*) refused 5 "nosuch" m a job $verb nosuch ;;
		esac
	done
	for verb in show log abort retry explain; do
		refused 5 "99" m a run $verb 99
	done
	for verb in accept reject token; do
		refused 5 "nosuch" m a join $verb nosuch
	done
	is a a .node status
	refused 5 "" m a join accept nosuch
	refused 5 "" m a run show 7
	refused 2 "" m a run show notanumber
	refused 2 "" m a run list --since soon
	refused 3 "$T/none" "$B/muster" -S "$T/none" status
}

@test "a full disk's stand-in: the state directory cannot be written" {
	local f=$T/x/conf

	configure x
	mkdir -p "$T/x"
	: >"$T/x/state"
	run "$B/musterd" -c "$f"
	[ "$status" -ne 0 ]
	[[ "$output" == *"$T/x/state"* ]]
	# A damaged database: refused, nothing thrown away.
	rm "$T/x/state"
	broker y
	stop y
	head -c 8192 /dev/urandom | dd of="$T/y/state/muster.db" conv=notrunc \
	    status=none
	run "$B/musterd" -c "$T/y/conf"
	[ "$status" -ne 0 ]
	[[ "$output" == *muster.db* ]]
	[ -s "$T/y/state/muster.db" ]
}
