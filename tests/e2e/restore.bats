# A broker that comes back from a backup: nobody is ON, nothing is run twice,
# what came due since is on record.
load lib

apply()
{
	local node=$1

	shift
	m "$node" apply - --yes "$@"
}

# restored NODE BACKUP: musterd --restore, with that node's configuration.
restored()
{
	set -o pipefail
	"$B/musterd" -c "$T/$1/conf" --restore "$2" 2>&1 |
	    grep -v '^warn main running as root'
}

epoch_of()
{
	q a ".[] | select(.name == \"$1\") | .epoch" agent list
}

@test "a restored broker: manual, nobody ON, missed on record, no number twice" {
	local highest epoch

	broker a
	node b
	join a b
	m a setting set $FAST
	apply a <<<'jobs = ( { name = "tick"; command = [ "/bin/true" ];
	    triggers = ( { every = "1s"; } ); },
	    { name = "long"; command = [ "/bin/sleep", "600" ]; } );'
	m a agent on b
	wait_for 10 is a true 'length > 2' run list --job tick --state succeeded
	m a job run long
	wait_for 5 is a running '.[0].state' run list --job long
	m a backup "$T/backup"
	wait_for 10 is a true 'length > 4' run list --job tick --state succeeded
	highest=$(q a '.[0].id' run list --limit 1)
	# Epochs go on after the backup too.
	m a agent on a
	m a agent on b
	epoch=$(epoch_of b)
	[ "$epoch" -ge 3 ]
	stop a

	refused 1 "move it" restored a "$T/backup"
	# A log without its file: it would be played into the restored one.
	rm "$T"/a/state/muster.db*
	for log in wal journal; do
		touch "$T/a/state/muster.db-$log"
		refused 1 "move it" restored a "$T/backup"
		rm "$T/a/state/muster.db-$log"
	done
	restored a "$T/backup"
	refused 1 "move it" restored a "$T/backup"
	start a
	is a manual .control status
	is a true 'any(.code == "restored")' event list --limit 50
	wait_for 10 is a true 'map(select(.connected)) | length == 2' agent list
	is a 0 'map(select(.role == "scheduler")) | length' agent list
	# What came due since the backup.
	is a true 'length > 0 and all(.reason | startswith("missed (restored)"))' \
	    run list --job tick --state missed

	m a agent on b
	wait_for 10 is a b '.[] | select(.role == "scheduler") | .name' agent list
	[ "$(epoch_of b)" -gt "$epoch" ]
	wait_for 10 eval "[ \"\$(q a '.[0].id' run list --job tick --limit 1)\" \
	    -gt $highest ]"
	# The run that went on all the time is still the same one.
	wait_for 10 is a running '.[0].state' run list --job long
	is a 1 length run list --job long
	# Each occurrence once, whatever the backup knew of it.
	is a true 'map(.occurrence) | length == (unique | length)' \
	    run list --job tick --limit 1000
	m a setting set control=auto
}

@test "a restored agent is what it was, and learns its floor first" {
	broker a
	node b
	node c
	join a b
	join a c
	m a setting set $FAST
	m a agent on b
	m b backup "$T/backup"
	m a agent on c
	wait_for 5 is a c '.[] | select(.role == "scheduler") | .name' agent list
	stop b
	rm "$T"/b/state/muster.db*
	restored b "$T/backup"
	start b
	wait_for 10 is a true '.[] | select(.name == "b") | .connected' agent list
	# It says ON with the epoch of the backup, and is sent OFF.
	wait_for 5 is b off .status status
	is a c '.[] | select(.role == "scheduler") | .name' agent list
	is b auto .control status
}

@test "a backup that is none, or of another node, changes nothing" {
	node b
	mkdir "$T/empty"
	m b backup "$T/backup"
	stop b
	refused 1 "move it" restored b "$T/empty"
	rm "$T/b/state/muster.db"*
	refused 1 "host_key" restored b "$T/empty"
	cp "$T/b/state/host_key" "$T/key"
	ssh-keygen -q -t ed25519 -N '' -f "$T/other"
	cp "$T/other" "$T/b/state/host_key"
	refused 1 "another node" restored b "$T/backup"
	cp "$T/key" "$T/b/state/host_key"
	head -c 4096 /dev/urandom >"$T/backup/muster.db"
	refused 1 "not a database" restored b "$T/backup"
	[ ! -e "$T/b/state/muster.db" ]
	[ -z "$(ls "$T/b/state" | grep restoring)" ]
}
