# The check of merged logs (merged.bash) itself: it sees what it must see.  If
# it did not, every proof that ends in it would be worth nothing.

load lib
load merged

setup()
{
	world
	mkdir "$T/b" "$T/c"
	: >"$T/fired"
	: >"$T/runs"
}

# What the record of runs is asked, from a file.
m()
{
	jq -s . "$T/runs"
}

work()
{
	echo "info lease cluster=a epoch=$2 boottime=$3 until=$4 at work" \
	    >>"$T/$1/log"
}

stopped()
{
	echo "info lease cluster=a epoch=$2 boottime=$3 until=$4" \
	    "stopped: the lease ran out" >>"$T/$1/log"
}

ran()
{
	echo "{ \"id\": $1, \"attempt\": 1, \"state\": \"${3:-succeeded}\",
	    \"occurrence\": \"2026-01-01T00:00:0$2.000Z\",
	    \"reason\": \"${4:-}\" }" >>"$T/runs"
	case ${3:-succeeded} in
	succeeded) echo "2026-01-01T00:00:0$2.000Z" >>"$T/fired" ;;
	esac
}

@test "one after the other is in order; a frozen one ends with its lease" {
	work b 1 10.5 11.3
	stopped b 1 19.0 12.1		# thawed at 19
	echo "info lease cluster=b epoch=9 boottime=1.0 until=99.0 at work" \
	    >>"$T/c/log"
	work c 2 12.2 13.0
	echo "test boottime=14.0 killed" >>"$T/c/log"
	work b 3 14.5 15.3
	never_two a
}

@test "two at work are seen: overlapping, and one that never stopped" {
	work b 1 10.5 11.3
	stopped b 1 12.3 12.3
	work c 2 12.2 13.0
	run ! never_two a
	[[ "$output" == *"two at work: b until 12.3"* ]]
	rm "$T"/*/log
	work b 1 10.5 11.3
	work c 2 12.2 13.0
	run ! never_two a
	[[ "$output" == *"two at work: b until inf"* ]]
}

@test "an epoch that does not rise is seen, and so is nobody at all" {
	run ! never_two a
	work b 2 10.5 11.3
	stopped b 2 11.3 11.3
	work c 2 12.2 13.0
	run ! never_two a
	[[ "$output" == *"does not rise: 2 of b"* ]]
}

@test "a fire of one that is not at work is seen" {
	work b 1 10.5 11.3
	stopped b 1 11.3 11.3
	echo "debug fire cluster=a epoch=1 boottime=11.2 at=1 job=j" >>"$T/b/log"
	never_two a
	echo "debug fire cluster=a epoch=1 boottime=11.4 at=1 job=j" >>"$T/b/log"
	run ! never_two a
	[[ "$output" == *"b fires and is not at work"* ]]
}

@test "occurrences: each once, skipped ones with a reason" {
	ran 1 1
	ran 2 2 skipped "misfire skip; 2 occurrences, the last 2026-01-01T00:00:03.000Z"
	ran 3 4 missed "nobody was there"
	ran 4 5
	every_occurrence a j
	ran 5 7
	run ! every_occurrence a j
	[[ "$output" == *"between 2026-01-01T00:00:05Z and "* ]]
}

@test "occurrences: doubled, unexplained, unrecorded ones are seen" {
	ran 1 1
	ran 2 1
	run ! every_occurrence a j
	[[ "$output" == *"on record twice"*"ran 2 times"* ]]
	: >"$T/runs" >"$T/fired"
	ran 1 1 skipped
	run ! every_occurrence a j
	[[ "$output" == *"skipped, ran 0 times"* ]]
	: >"$T/runs" >"$T/fired"
	ran 1 1
	ran 2 2 lost "no word of it"
	run ! every_occurrence a j
	[[ "$output" == *"ended as lost (no word of it)"* ]]
	: >"$T/runs" >"$T/fired"
	ran 1 1
	echo 2026-01-01T00:00:02.000Z >>"$T/fired"
	run ! every_occurrence a j
	[[ "$output" == *"ran, not on record"* ]]
}
