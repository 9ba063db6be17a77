# File triggers: a file that came, changed or settled is one run, whoever
# watched and whoever was killed meanwhile.

load lib

# spool NODE TRIGGER [FIELDS]: a job that writes each file it is told of to
# $T/fired, one a line.
spool()
{
	apply "$1" <<-END
	jobs = ( { name = "spool"; triggers = ( { $2 } );
	    shell = "printf '%s\\\\n' \"\$MUSTER_FILE\" >>$T/fired";
	    overlap = "allow"; ${3:-} } );
	END
	# Whoever is the Scheduler watches what was applied.
	wait_for 10 is "$1" 0 '[.[] | .sync.behind] | add' agent list
}

# fired N: so many lines, no more of them on their way.
fired()
{
	[ "$(wc -l <"$T/fired")" -eq "$1" ] && quiet "${2:-a}"
}

# The files that were fired are exactly these, each once.
exactly()
{
	sort "$T/fired" >"$T/fired.sorted"
	printf '%s\n' "$@" | sort | diff - "$T/fired.sorted" || {
		echo "above: < expected, > fired"
		return 1
	}
}

# The runs on record are those that ran, each with its own occurrence.
on_record()
{
	q "$1" '.[] | select(.job == "spool") | "\(.state) \(.occurrence)"' \
	    run list --limit 100000 | sort >"$T/recorded"
	[ -z "$(uniq -d "$T/recorded")" ]
	[ "$(grep -c '^succeeded file:' "$T/recorded")" -eq "$2" ]
	[ "$(wc -l <"$T/recorded")" -eq "$2" ]
}

# A file that counts once everything before it was looked at.
sees()
{
	echo >"$1"
	wait_for 15 grep -qxF "$1" "$T/fired"
}

@test "created: written, renamed and linked into place; others are let be" {
	mkdir "$T/in" "$T/out"
	echo old >"$T/in/old.csv"
	node a
	spool a "file = \"$T/in/*.csv\";"
	echo x >"$T/in/written.csv"
	echo x >"$T/out/x"
	mv "$T/out/x" "$T/in/renamed.csv"
	echo x >"$T/out/y"
	ln "$T/out/y" "$T/in/linked.csv"
	ln -s "$T/out/y" "$T/in/symbolic.csv"
	# Held open by who writes it: it is there all the same.
	exec 7>"$T/in/open.csv"
	mkdir "$T/in/directory.csv"
	mkfifo "$T/in/fifo.csv"
	echo x >"$T/in/.hidden.csv"
	echo x >"$T/in/other.txt"
	ln -s nowhere "$T/in/dangling.csv"
	wait_for 15 fired 5
	# Written to, and another owner or mode: it was created once.
	echo more >>"$T/in/written.csv"
	chmod 600 "$T/in/renamed.csv" "$T/in/old.csv"
	exec 7>&-
	# Removed and made again, or replaced: another file.
	rm "$T/in/linked.csv"
	echo z >"$T/in/linked.csv"
	echo z >"$T/in/.new"
	mv "$T/in/.new" "$T/in/written.csv"
	wait_for 15 fired 7
	sees "$T/in/last.csv"
	exactly "$T"/in/{written,renamed,linked,symbolic,open,linked,written,last}.csv
	on_record a 8
	is a "file $T/in/*.csv created" '.[0].cause' run list
	is a "file $T/in/*.csv created" '.[0].triggers[0]' job list
	is a "null file $T/in/*.csv created" '.[0] | "\(.at) \(.trigger)"' \
	    job next spool
	[ "$(ms_of "$(q a .files_since job show spool)")" -lt \
	    "$(date -r "$T/in/written.csv" +%s%3N)" ]
}

@test "old files do not fire: at apply, at resume, after an edit" {
	mkdir "$T/in"
	touch -d 2020-01-01 "$T/in/1"
	echo >"$T/in/2"
	node a
	spool a "file = \"$T/in/*\"; event = \"changed\";"
	sees "$T/in/3"
	m a job pause spool
	echo >"$T/in/4"
	m a job list >/dev/null		# a tick of the kernel's clock
	m a job resume spool
	sees "$T/in/5"
	spool a "file = \"$T/in/*\"; stable = \"1s\";"
	sees "$T/in/6"
	# Another field of the job is no edit of the trigger.
	spool a "file = \"$T/in/*\"; stable = \"1s\";" "priority = 7;"
	sees "$T/in/7"
	stop a
	start a
	sees "$T/in/8"
	exactly "$T"/in/{3,5,6,7,8}
	on_record a 5
}

@test "changed: each time it was written, or replaced, and not for chmod" {
	node a
	echo 0 >"$T/conf"
	spool a "file = \"$T/conf\"; event = \"changed\";"
	echo 1 >>"$T/conf"
	wait_for 15 fired 1
	echo 2 >"$T/conf.new"
	mv "$T/conf.new" "$T/conf"
	wait_for 15 fired 2
	chmod 600 "$T/conf"
	touch "$T/conf"
	wait_for 15 fired 3
	rm "$T/conf"
	echo 3 >"$T/conf"
	wait_for 15 fired 4
	# Found once more at the start: nothing has changed.
	stop a
	echo 4 >>"$T/conf"
	start a
	wait_for 15 fired 5
	on_record a 5
}

@test "stable: not before a slow writer was quiet for that long" {
	node a
	mkdir "$T/in"
	spool a "file = \"$T/in/*.dat\"; stable = \"2s\";"
	for _ in 1 2 3 4 5 6; do
		echo x >>"$T/in/slow.dat"
		sleep 0.5
		[ ! -s "$T/fired" ]
	done
	wait_for 15 fired 1
	[ "$(wc -l <"$T/in/slow.dat")" -eq 6 ]
	echo more >>"$T/in/slow.dat"
	wait_for 15 fired 2
	on_record a 2
}

@test "directories that come, go, and come again, with patterns in them" {
	node a
	spool a "file = \"$T/in/*/day?/[ab]*.csv\";"
	mkdir -p "$T/in/north/day1"
	sees "$T/in/north/day1/a1.csv"
	mkdir -p "$T/in/south/day2" "$T/in/south/night"
	echo >"$T/in/south/day2/c.csv"
	echo >"$T/in/south/night/a.csv"
	echo >"$T/in/south/day2/b.csv"
	wait_for 15 fired 2
	rm -r "$T/in"
	mkdir -p "$T/in/north/day1"
	sees "$T/in/north/day1/a2.csv"
	# Renamed away, as a whole: what comes there later counts no more.
	mv "$T/in" "$T/away"
	mkdir "$T/in"
	echo >"$T/away/north/day1/a3.csv"
	# Renamed into place with what is in it, and by a link.
	mkdir -p "$T/made/day3" "$T/linked/day4"
	echo >"$T/made/day3/a4.csv"
	mv "$T/made" "$T/in/west"
	ln -s "$T/linked" "$T/in/east"
	sees "$T/in/east/day4/b5.csv"
	wait_for 15 fired 5
	exactly "$T"/in/{north/day1/a1,south/day2/b,north/day1/a2,west/day3/a4,east/day4/b5}.csv
}

@test "names that are no text: newline, invalid UTF-8, escapes, quotes" {
	node a
	mkdir "$T/in"
	spool a "file = \"$T/in/*\";"
	touch "$T/in/"$'new\nline' "$T/in/"$'\xff\xfe' "$T/in/"$'\e[31m' \
	    "$T/in/a%41\"\\'" "$T/in/grün"
	wait_for 15 quiet a
	wait_for 15 is a 5 '[.[] | select(.state == "succeeded")] | length' \
	    run list
	# The run has the name as it is; the record can be read.
	(cd "$T/in" && printf '%s\n' "$T"/in/*) | sort >"$T/names"
	sort "$T/fired" | cmp - "$T/names"
	q a '.[].occurrence' run list >"$T/occ"
	grep -qF "file:$T/in/new%0Aline:" "$T/occ"
	grep -qF "file:$T/in/%FF%FE:" "$T/occ"
	grep -qF "file:$T/in/%1B[31m:" "$T/occ"
	grep -qF "file:$T/in/a%2541\"\\':" "$T/occ"
	grep -qF "file:$T/in/grün:" "$T/occ"
}

@test "overlap skip is on record, and a retry gets the same file" {
	node a
	mkdir "$T/in"
	apply a <<-END
	jobs = ( { name = "spool"; triggers = ( { file = "$T/in/*"; } );
	    shell = "echo \$MUSTER_FILE >>$T/fired; test -f $T/go";
	    overlap = "skip"; },
	    { name = "slow"; triggers = ( { file = "$T/in/*"; } );
	    shell = "while ! [ -f $T/go ]; do sleep 0.1; done";
	    overlap = "skip"; } );
	END
	sees "$T/in/1"
	wait_for 15 is a failed '.[0].state' run list --job spool
	m a run retry "$(q a '.[0].id' run list --job spool)"
	wait_for 15 fired_twice
	echo >"$T/in/2"
	wait_for 15 is a "running skipped" '[.[].state] | sort | join(" ")' \
	    run list --job slow
	touch "$T/go"
	wait_for 15 quiet a
	is a "skipped succeeded" '[.[].state] | sort | join(" ")' \
	    run list --job slow
}

fired_twice()
{
	[ "$(grep -cxF "$T/in/1" "$T/fired")" -eq 2 ]
}

@test "500 files at once: each is one run" {
	node a
	mkdir "$T/in" "$T/out"
	spool a "file = \"$T/in/*\";"
	for i in {1..500}; do
		echo "$i" >"$T/out/$i"
	done
	mv "$T"/out/* "$T/in"
	wait_for 60 fired 500
	exactly "$T"/in/*
	on_record a 500
}

# Two agents of a broker that is none.
trio()
{
	dedicated a
	node b
	node c
	join a b
	join a c
	fast a
	wait_for 10 scheduler_other_than a none
	mkdir "$T/in"
}

# burst FROM TO: one file after the other, in the background.
burst()
{
	for i in $(seq "$1" "$2"); do
		echo "$i" >"$T/in/$i"
		sleep 0.005
	done
}

@test "the role moves in the middle of a burst: each file is one run" {
	local s o p

	trio
	spool a "file = \"$T/in/*\";"
	burst 1 300 &
	p=$!
	for _ in 1 2 3; do
		s=$(scheduler a)
		o=b
		[ "$s" = b ] && o=c
		m a agent on "$o"
		wait_for 15 scheduler_is a "$o"
	done
	wait "$p"
	wait_for 60 fired 300
	exactly "$T"/in/*
	on_record a 300
}

@test "the Scheduler is killed, files come while nobody looks: each is one run" {
	local s p

	trio
	spool a "file = \"$T/in/*\"; event = \"changed\";"
	burst 1 100
	s=$(scheduler a)
	burst 101 200 &
	p=$!
	kill9 "$s"
	burst 201 300
	wait "$p"
	wait_for 15 scheduler_other_than a "$s"
	start "$s"
	wait_for 60 fired 300
	exactly "$T"/in/*
	on_record a 300
}

@test "the broker is killed in the middle of a burst: each file is one run" {
	local p

	trio
	spool a "file = \"$T/in/*\";"
	burst 1 300 &
	p=$!
	for _ in 1 2 3; do
		wait_for 15 grep -q . "$T/fired"
		kill9 a
		start a
		wait_for 15 scheduler_other_than a none
	done
	wait "$p"
	wait_for 60 fired 300
	exactly "$T"/in/*
	on_record a 300
}

@test "a directory that may not be read is told of once, and when it is cured" {
	[ "$(id -u)" -ne 0 ] || skip "root may read everything"
	node a
	mkdir "$T/in"
	chmod 0 "$T/in"
	spool a "file = \"$T/in/*\";"
	wait_for 15 grep -q "directory=$T/in not watched" "$T/a/log"
	chmod 755 "$T/in"
	sees "$T/in/1"
	wait_for 15 grep -q 'all directories can be read again' "$T/a/log"
	[ "$(grep -c "directory=$T/in not watched" "$T/a/log")" -eq 1 ]
}

@test "without inotify watches it looks every few seconds" {
	unshare -U -r true 2>/dev/null || skip "no user namespaces"
	configure a
	unshare -U -r sh -c 'echo 0 >/proc/sys/user/max_inotify_watches
	    exec "$@"' sh "$B/musterd" -c "$T/a/conf" >>"$T/a/log" 2>&1 \
	    </dev/null 3>&- &
	echo $! >"$T/a/pid"
	wait_for 15 ready a
	mkdir "$T/in"
	spool a "file = \"$T/in/*\";"
	sees "$T/in/1"
	sees "$T/in/2"
	grep -q 'inotify: .*: looking every 5 s instead' "$T/a/log"
	exactly "$T"/in/*
}
