# Joining: tokens of every wrong kind, and the two machines' word for each.

load lib

setup()
{
	world
	broker a
	node b
}

members()
{
	q a 'map(.name) | join(" ")' agent list
}

@test "the handshake: request, accept, token, complete" {
	local tok

	m b join request "$(at a)" --as worker --message "rack 7: ünïcode"
	is a "b pending worker" '.[0] | "\(.name) \(.state) \(.as)"' join list
	is a "rack 7: ünïcode" '.[0].message' join list
	# Nothing but the request is accepted from an unknown key.
	[ "$(members)" = a ]
	# Both sides show the same four words.
	[ "$(q a '.[0].words' join list)" = "$(q b .join.words status)" ]
	[ "$(q a '.[0].words' join list | wc -w)" -eq 4 ]
	[ "$(q a '.[0].fingerprint' join list)" = "$(q b .fingerprint key show)" ]
	refused 1 "accept" m a join token b
	m a join accept b
	shape a "token:string expires_at:time command:string" join token b
	tok=$(q a .token join token b)
	run -0 m b join complete "$(at a)" - <<<"$tok"
	wait_for 5 is a true '.[] | select(.name == "b") | .connected' agent list
	is a joined '.[0].state' join list
	is b "worker none" '"\(.mode) \(.role)"' status
	is a worker '.[] | select(.name == "b") | .mode' agent list
	# It is on record, and who showed the token too.
	is a true 'any(.[]; .code == "joined" and .node == "b")' event list
	is a true 'any(.[]; .code == "token_shown" and .actor != null)' event list
	# A second join elsewhere is refused with the way out.
	refused 1 "muster leave" m b join request "$(at a)"
}

@test "the command that join token prints is the exact line" {
	local line

	m b join request "$(at a)"
	m a join accept b
	line=$(q a .command join token b)
	[[ "$line" == "muster join complete $(at a) jt-"* ]]
	m b ${line#muster }
	wait_for 5 is a true '.[] | select(.name == "b") | .connected' agent list
}

@test "wrong, mistyped, void and reused tokens" {
	local first tok bad

	request a b
	first=$(token a b)
	tok=$(q a .token join token b)
	[ "$first" != "$tok" ]
	refused 1 "newer one was shown" m b join complete "$(at a)" "$first"
	# One letter changed: told as mistyped, by the node itself.
	bad=${tok:0:10}$(other "${tok:10:1}" "${tok#jt-}")${tok:11}
	[ "$bad" != "$tok" ]
	refused 2 "mistyped" m b join complete "$(at a)" "$bad"
	refused 2 "not a join token" m b join complete "$(at a)" "hello"
	refused 2 "" m b join complete "$(at a)" "${tok%????}"
	is b standalone .mode status
	m b join complete "$(at a)" "$tok"
	# At once, while its link is being made: the broker hears of it.
	[ -z "$(m b leave --yes | grep "not reached")" ]
	# Used once, it is no good any more, though its time is not over.
	refused 1 "used" m b join complete "$(at a)" "$tok"
	is b standalone .mode status
	# A new one can be shown for it to come back.
	tok=$(q a .token join token b)
	m b join complete "$(at a)" "$tok"
	wait_for 5 is a true '.[] | select(.name == "b") | .connected' agent list
	is a 2 length agent list
}

# other LETTER TEXT: a letter of the text that is not this one.
other()
{
	tr -d -- "-$1" <<<"$2" | head -c 1
}

@test "another node's token; five wrong ones lock the request" {
	local tok i

	node c
	request a b
	request a c
	tok=$(token a b)
	token a c >/dev/null
	refused 1 "made for the key of b" m c join complete "$(at a)" "$tok"
	# Two brokers: a token of one is no key to the other.
	broker z
	m c join request "$(at z)"
	refused 1 "STOP" m c join complete "$(at z)" "$tok"
	[ "$(members)" = a ]
	is a true 'any(.[]; .code == "token_other_key")' event list
	# The token of b is still good.
	m b join complete "$(at a)" "$tok"
}

@test "an expired token and an expired invite" {
	local tok inv

	m a setting set token_ttl=1s
	request a b
	tok=$(token a b)
	inv=$(q a .token join invite --for 1s --uses 2)
	wait_for 3 expired "$tok" "$(at a)"
	refused 1 "expired" m b join complete "$(at a)" "$tok"
	refused 1 "expired" m b join complete "$(at a)" "$inv"
	[ "$(members)" = a ]
}

# Its time by the broker's own word is over.
expired()
{
	[ "$(now_ms)" -gt "$(($(ms_of "$(q a '.[0].token_expires_at' \
	    join list)") + 100))" ]
}

@test "an invite: for so many, as a worker, no request needed" {
	local inv

	node c
	node d
	inv=$(q a .token join invite --for 1h --uses 2 --as worker)
	m b join complete "$(at a)" "$inv"
	m c join complete "$(at a)" - <<<"$inv"
	refused 1 "used" m d join complete "$(at a)" "$inv"
	wait_for 5 is a "b c" \
	    '[.[] | select(.mode == "worker" and .connected) | .name] | join(" ")' \
	    agent list
}

@test "reject shows its reason; the name taken; unattended joining" {
	request a b
	m a join reject b --reason "wrong rack"
	wait_for 10 is b "rejected wrong rack" '.join | "\(.state) \(.reason)"' \
	    status
	refused 1 "taken" m b join request "$(at a)" --name a
	q a .token join invite --for 1h >"$T/token"
	chmod 600 "$T/token"
	node c "agent: { broker = \"$(at a)\"; join_as = \"worker\";
	    token_file = \"$T/token\"; };"
	wait_for 10 is a true '.[] | select(.name == "c") | .connected' agent list
	# Without a token it asks by itself.
	node d "agent: { broker = \"$(at a)\"; message = \"hello\"; };"
	wait_for 10 is a "hello" '.[] | select(.name == "d") | .message' join list
}

@test "no broker there: not one, refused port, silent port, no such host" {
	local silent

	node c
	refused 1 "not a broker" m b join request "$(at c)"
	refused 3 "refused" m b join request "127.0.0.1:$(free_port)"
	refused 3 "" m b join request "no-such-host.invalid"
	refused 2 "" m b join request "bad host"
	is b standalone .mode status
	# Accepts and says nothing.
	silent=$(free_port)
	listener "$silent"
	refused 3 "127.0.0.1:$silent" timeout 30 \
	    "$B/muster" -S "$T/b/sock" join request "127.0.0.1:$silent"
}

# A port that accepts connections and never says a word.
listener()
{
	local out=$T/listener

	mkdir "$out"
	ssh-keygen -q -t ed25519 -N '' -f "$out/key"
	bash -c "exec -a muster-e2e-silent perl -MIO::Socket::INET -e '
	    my \$s = IO::Socket::INET->new(Listen => 5, LocalPort => $1,
	        LocalAddr => \"127.0.0.1\") or die; print \"up\n\";
	    \$| = 1; my @c; push @c, \$s->accept while 1'" >"$out/up" 2>&1 3>&- &
	echo $! >"$out/pid"
	wait_for 5 eval "(: <>/dev/tcp/127.0.0.1/$1)"
}
