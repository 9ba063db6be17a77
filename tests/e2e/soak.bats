# A short soak, and what its check would say of a cluster that is broken.
# slow/soak.bats is the long one.

load lib

@test "12 faults over 3 nodes: every occurrence once, never two Schedulers" {
	run "$E2E/soak" --faults 12 --nodes 3 --pace 35 \
	    --seed "${SOAK_SEED:-7}"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = "0 violations" ]
}

# Three seconds of four jobs, all in order.  Tabs in runs.
records()
{
	cd "$T"
	printf '%s\n' "from 1999500" "from2 1999600" "until 2002400" >bounds
	printf '%s\n' "sec 1 0 all allow local - work=0" \
	    "again 2 0 all allow one 1 work=first" \
	    "head 2 0 all allow one - work=0" \
	    "tail 0 0 - allow local - work=0" \
	    "line 2 0 all queue one - work=0" \
	    "hand 0 0 - allow one - work=0" \
	    "came 0 0 - allow local - work=0" >jobs
	echo "10 1990000 keeper c" >facts
	echo 9 >acked
	echo "came 5" >dropped
	echo "1 1 b" >moves
	echo "19 inf b 1" >work
	: >sanitizer
	: >broken
	: >runs
	: >outside
	ran 1 1 sec 2000000 0
	ran 2 1 sec 2001000 0
	ran 3 1 sec 2002000 0
	ran 4 1 again 2000000 3
	ran 4 2 again 2000000 0
	ran 5 1 again 2002000 3
	ran 5 2 again 2002000 0
	ran 6 1 head 2000000 0
	ran 7 1 head 2002000 0
	ran 8 1 tail after:6 0
	ran 10 1 tail after:7 0
	ran 9 1 hand manual:1 0
	ran 11 1 line 2000000 0
	ran 12 1 line 2002000 0
	ran 13 1 came "file:/t/came/5:7:1.000000000" 0
}

# ran ID ATTEMPT JOB OCCURRENCE CODE
ran()
{
	local at=$4 state=succeeded

	[[ $4 =~ ^[0-9]+$ ]] && at=1970-01-01T00:33:$(($4 / 1000 - 1980)).000Z
	[ "$5" = 0 ] || state=failed
	printf '%s\t' "$1" "$2" "$3" "$4" "$state" "$5" - 2000000 2000000 \
	    2000000 1 b false why >>runs
	echo - >>runs
	printf '%s\n' "S 2$1.1 $1 $3 $at $2 b 77" \
	    "E 2$1.2 $1 $3 $at $2 b $5" >>outside
}

verdict()
{
	awk -f "$E2E/soak.check.awk" bounds jobs facts acked dropped moves \
	    work sanitizer broken runs outside
}

# sees TEXT COMMAND...: that much is said after the command, and no less.
sees()
{
	local text=$1

	shift
	records
	"$@"
	verdict >said
	grep -q "^VIOLATION|.*$text" said || {
		echo "$*: \"$text\" is not in"
		cat said
		return 1
	}
}

now()		# FILE SED-WORDS...
{
	local file=$1

	shift
	sed -i "$@" "$file"
}

lost_with()	# KEEPER
{
	echo "10 1999999.5 keeper $1" | sed 's/\.5/500/' >facts
	now runs '2s/succeeded\t0/lost\t-/'
}

@test "the check of the soak sees what is broken" {
	records
	run verdict
	echo "$output"
	[ "${lines[-1]}" = "0 violations" ]
	sees "on no record" now runs '/^2\t/d'
	sees "ran and is not on record" now runs '/^2\t/d'
	sees "ran twice" now outside '/^S 22.1 /p'
	sees "two runs of one occurrence" ran 20 1 sec 2001000 0
	sees "on record twice" now runs '/^2\t/p'
	sees "never ran" now outside '/ 2 sec /d'
	sees "did not come to its end" now outside '/^E 22.2 /d'
	sees "really ended with 1" now outside '/^E 22.2 /s/0$/1/'
	sees "recorded on b" now outside '/^S 22.1 /s/ b / c /'
	sees "under epoch 1 of c" now work 's/b/c/'
	sees "skipped and ran" now runs '/^2\t/s/succeeded/skipped/'
	sees "lost, and its keeper was not killed" lost_with c
	sees "killed, and nobody killed it" \
	    now runs '/^2\t/s/succeeded/killed/'
	sees "ended as unknown" now runs '/^2\t/s/succeeded/unknown/'
	sees "no further attempt" now runs '/^4\t2/d'
	sees "attempt 2 without the one before" now runs '/^4\t1/d'
	sees "tail did not follow" now runs '/^8\t/d'
	sees "acknowledged and not on record" now runs '/^9\t/d'
	sees "file 5 came and made no run" now runs '/^13\t/d'
	sees "a file made two runs" ran 21 1 came "file:/t/came/5:8:1.0" 0
	sees "two at once" now outside '/^E 211.2 /s/211.2/219.9/'
	sees "was never due" ran 22 1 sec 2001500 0
	sees "gives epoch 1 to c" eval 'echo "2 1 c" >>moves'
	sees "two Schedulers" eval 'echo "two Schedulers" >broken'
	sees "never: the cluster settled" \
	    eval 'echo "1 2 never the cluster settled" >facts'
	sees "ended by itself" eval 'echo "1 2 unasked b" >facts'
}
