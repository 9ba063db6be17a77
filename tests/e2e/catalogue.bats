# The catalogue and the settings: what is refused changes nothing.

load lib

setup()
{
	world
	broker a
}

names()
{
	q a 'map(.name) | join(" ")' job list
}

@test "apply: plan, dry run, prune, export and back" {
	cat >"$T/one" <<-END
	jobs = ( { name = "x"; command = [ "/bin/true" ]; queue = "heavy";
	           triggers = ( { cron = "15 2 * * mon-fri"; } );
	           zone = "Europe/Berlin"; exclude = [ "holidays" ]; },
	         { name = "y"; shell = "echo \"quoted\" \\\\ \$HOME"; } );
	queues = ( { name = "heavy";
	             rules = ( { run_on = "agents_only"; max_parallel = 2; } ); } );
	calendars = ( { name = "holidays"; dates = [ "2026-12-25" ]; } );
	END
	run -0 m a apply "$T/one" --dry-run --json
	jq -e '(.plan // .) | length == 4' <<<"$output"
	[ -z "$(names)" ]
	m a apply "$T/one"
	[ "$(names)" = "x y" ]
	m a export >"$T/two"
	# The same again changes nothing; what is exported reads back the same.
	run -0 m a apply "$T/two" --prune --json
	jq -e '(.plan // .) | map(select(.action != "keep")) | length == 0' \
	    <<<"$output"
	m a export >"$T/three"
	diff "$T/two" "$T/three"
	echo 'jobs = ( { name = "y"; shell = "date"; } );' >"$T/four"
	m a apply "$T/four"
	[ "$(names)" = "x y" ]
	m a apply "$T/four" --prune --dry-run
	[ "$(names)" = "x y" ]
	m a apply "$T/four" --prune
	[ "$(names)" = y ]
	refused 2 "--yes" m a job remove y
	m a job remove y --yes
	[ -z "$(names)" ]
	is a true 'any(.[]; .severity == "audit" and .actor != null)' event list
}

@test "an error in line N: nothing applied, the line and the cure named" {
	apply a <<<'jobs = ( { name = "keep"; command = [ "/bin/true" ]; } );'
	cat >"$T/bad" <<-END
	jobs = (
	  { name = "new"; command = [ "/bin/true" ]; },
	  { name = "broken"; command = [ "/bin/true" ];
	    timeot = "5s"; }
	);
	END
	refused 2 "$T/bad:4:" m a apply "$T/bad" --prune
	[[ "$output" == *'"timeout"'* ]]
	printf 'jobs = (\n  { name = "new"; command = [ "/bin/true" ]; }\n  }\n' \
	    >"$T/bad"
	refused 2 ":3:" m a apply "$T/bad"
	printf 'jobs = ( { name = "c"; command = [ "/x" ];\n%s } );' \
	    'triggers = ( { cron = "99 * * * *"; } );' >"$T/bad"
	refused 2 ":2:" m a apply "$T/bad"
	refused 1 "nosuchfile" m a apply "$T/nosuchfile"
	[ "$(names)" = keep ]
}

@test "setting: together or not at all, cross-checked, nearest name" {
	refused 2 "off_timeout" m a setting set lease=10s off_timeout=5s
	is a 4 '.[] | select(.name == "lease") | .value | tostring |
	    sub("s$"; "")' setting list
	refused 2 "heartbeat" m a setting set heartbeat=3s
	refused 5 '"lease"' m a setting set leese=1s
	refused 2 "" m a setting set heartbeat=fast
	refused 2 "" m a setting set cluster_name=ok heartbeat=3s
	is a a .cluster status
	refused 2 "" m a setting set "switch_condition=cpu >"
	m a setting set cluster_name=prod token_ttl=10m
	is a prod .cluster status
	kill9 a
	start a
	is a prod .cluster status
	is a true '.value | tostring | test("10m|600")' setting show token_ttl
}

@test "pause and resume; event follow" {
	local f

	fast_restart a
	apply a <<<"$(ticking 1s skip)"
	m a event follow --json >"$T/followed" 2>&1 3>&- &
	f=$!
	wait_for 6 test -s "$T/fired"
	m a job pause tick
	is a true '.[0].paused' job list
	wait_for 5 quiet a
	sleep 2				# until more has come due
	m a job resume tick
	is a false '.[0].paused' job list
	# Resumed twice it is told so, and nothing more is passed over.
	m a job resume tick | grep -q 'not paused'
	# What came due in the pause is on record, once, with the reason: from
	# the first to the last of them every second is there.
	is a 1 '[.[] | select(.state == "skipped" and (.reason // ""
	    | startswith("passed over by a pause; ")))] | length' \
	    run list --job tick
	wait_for 6 is a true '[.[] | if .reason then (.occurrence[0:19] + "Z"
	    | fromdate) as $t | range($t; $t + (.reason
	    | capture("; (?<n>[0-9]+) occ").n | tonumber))
	    else (.occurrence[0:19] + "Z" | fromdate) end] | sort
	    | . == [range(.[0]; .[-1] + 1)] and length > 4' run list --job tick
	m a agent set a priority=3
	wait_for 5 grep -q . "$T/followed"
	kill $f
	# One object a line, with the fields of event list.
	jq -es 'length > 0 and all(has("seq") and has("code"))' "$T/followed"
}

@test "event follow and severities, at a node that is no broker" {
	local f

	node b
	join a b
	m b event follow --json --severity audit >"$T/followed" 2>&1 3>&- &
	f=$!
	# The first question tells what is new from then on.
	wait_for 10 eval 'm a agent set b priority=3 >/dev/null
	    grep -q agent_set "$T/followed"'
	kill $f
	jq -es 'all(.severity == "audit") and
	    ([.[].seq] | . == (unique | sort))' "$T/followed"
	for f in info notice warn error audit; do
		m a event list --severity $f >/dev/null
	done
	is a true 'length > 0 and all(.severity == "audit")' \
	    event list --severity audit
	refused 2 "audit" m a event list --severity loud
}

@test "condition check, job next, doctor, backup" {
	apply a <<<'jobs = ( { name = "n"; command = [ "/bin/true" ];
	    triggers = ( { cron = "0 0 1 1 *"; } ); } );'
	is a 3 length job next n --limit 3
	wait_for 10 is a true '.[0].result' condition check 'cpu >= 0'
	refused 2 "" m a condition check 'cpu >'
	m a backup "$T/backup"
	[ -s "$T/backup/muster.db" ]
	[ -s "$T/backup/host_key" ]
	refused 1 "exists" m a backup "$T/backup"
	run m a doctor --json
	[ "$status" -le 1 ]
	jq -e 'length > 3 and all(has("check") and has("state"))' <<<"$output"
}
