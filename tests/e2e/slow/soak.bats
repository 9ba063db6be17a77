# 200 faults over five nodes, about 12 minutes.  SOAK_SEED=N: that one again.

load ../lib

@test "200 faults over 5 nodes: every occurrence once, never two Schedulers" {
	run "$E2E/soak" --seed "${SOAK_SEED:-$((RANDOM * 3 + RANDOM % 3))}"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = "0 violations" ]
}
