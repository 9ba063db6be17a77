# Operators over SSH, with OpenSSH's client and with muster -H.

load lib

setup()
{
	world
	mkdir -m 700 "$T/home/.ssh"
	for k in viewer operator admin stranger; do
		ssh-keygen -q -t ed25519 -N '' -C "$k" -f "$T/$k"
	done
	broker a "operators = (
	    { name = \"vera\"; group = \"viewer\"; key = \"$(cat "$T/viewer.pub")\"; },
	    { name = \"olaf\"; group = \"operator\"; key = \"$(cat "$T/operator.pub")\"; },
	    { name = \"anna\"; group = \"admin\"; key = \"$(cat "$T/admin.pub")\"; }
	);"
	apply a <<<'jobs = ( { name = "j"; command = [ "/bin/echo", "hi" ]; } );'
}

# over WHO WORDS...: with OpenSSH's client.
over()
{
	local who=$1 user

	shift
	case $who in
	viewer) user=vera ;;
	operator) user=olaf ;;
	*) user=anna ;;
	esac
	ssh -F none -i "$T/$who" -o IdentitiesOnly=yes -o BatchMode=yes \
	    -o UserKnownHostsFile="$T/known" -o StrictHostKeyChecking=no \
	    -o LogLevel=ERROR -p "$(port a)" "$user@127.0.0.1" "$@" </dev/null
}

@test "ssh host VERB: everybody sees, each changes what he may" {
	run -0 over viewer status --json
	[ "$(jq -r .node <<<"$output")" = a ]
	run -0 over viewer agent list
	[[ "$output" == *a* ]]
	refused 4 "" over viewer job run j
	refused 4 "" over viewer setting set token_ttl=1m
	run -0 over operator job run j --wait
	refused 4 "" over operator setting set token_ttl=1m
	run -0 over admin setting set token_ttl=1m
	refused 5 "nosuch" over viewer job show nosuch
	refused 2 "" over viewer frobnicate
	run over stranger status
	[ "$status" -ne 0 ]
	[[ "$output" == *"Permission denied"* ]]
	# Refused attempts are on record too, with who and from where.
	is a true 'any(.[]; .severity == "audit" and (.actor | tostring |
	    test("^vera@127.0.0.1")))' event list
	is a true 'any(.[]; .severity == "audit" and (.actor | tostring |
	    test("^anna@127.0.0.1")))' event list
}

@test "muster -H: with a key, an unknown host, an unknown key" {
	local h="anna@127.0.0.1:$(port a)"

	printf 'UserKnownHostsFile %s\nGlobalKnownHostsFile /dev/null\n' \
	    "$T/known" >"$T/ssh_config"
	run -3 "$B/muster" -H "$h" -i "$T/admin" -F "$T/ssh_config" status \
	    </dev/null
	over admin status >/dev/null
	run -0 "$B/muster" -H "$h" -i "$T/admin" -F "$T/ssh_config" status --json
	[ "$(jq -r .node <<<"$output")" = a ]
	run -0 "$B/muster" -H "$h" -i "$T/admin" -F "$T/ssh_config" setting set token_ttl=2m
	run -4 "$B/muster" -H "vera@127.0.0.1:$(port a)" -i "$T/viewer" -F "$T/ssh_config" \
	    setting set token_ttl=2m
	run -0 --separate-stderr "$B/muster" -H "$h" -i "$T/admin" -F "$T/ssh_config" \
	    job run j --wait
	run "$B/muster" -H "$h" -i "$T/stranger" -F "$T/ssh_config" status
	echo "$status $output"
	[[ "$status" =~ ^[34]$ ]]
	refused 3 "refused" "$B/muster" -H "anna@127.0.0.1:$(free_port)" \
	    -i "$T/admin" -F "$T/ssh_config" status
}

@test "the table of operators is read again on SIGHUP" {
	configure a "broker: { enabled = true; };" "operators = (
	    { name = \"vera\"; group = \"admin\"; key = \"$(cat "$T/viewer.pub")\"; } );"
	kill -HUP "$(pid a)"
	wait_for 5 over viewer setting set token_ttl=3m
	run over admin status
	[ "$status" -ne 0 ]
	# A broken one is not taken, the old one stays.
	configure a "brokre: { enabled = true; };"
	kill -HUP "$(pid a)"
	wait_for 5 grep -q 'not reloaded' "$T/a/log"
	over viewer status >/dev/null
}
