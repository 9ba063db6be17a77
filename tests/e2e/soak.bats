# A short soak; slow/soak.bats is the long one, and what it is soak says.

load lib

@test "12 faults over 3 nodes: every occurrence once, never two Schedulers" {
	run "$E2E/soak" --faults 12 --nodes 3 --pace 35 \
	    --seed "${SOAK_SEED:-7}"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = "0 violations" ]
}
