# A run of 30 s outlives its musterd.

load ../lib

@test "musterd killed twice and restarted while a 30 s run goes on" {
	local id

	broker a
	node b
	join a b worker
	apply a <<-END
	jobs = ( { name = "long"; distribution = "selected"; agents = [ "b" ];
	  shell = "for i in \$(seq 60); do echo line \$i; sleep 0.5; done; exit 9"; } );
	END
	m a job run long
	id=$(q a '.[0].id' run list)
	wait_for 5 is a running .state run show "$id"
	kill9 b
	start b
	wait_for 10 is a running .state run show "$id"
	kill9 b
	wait_for 10 is a false '.[] | select(.name == "b") | .connected' agent list
	start b
	wait_for 60 ended a "$id"
	is a "failed 9 1 false" \
	    '"\(.state) \(.exit_code) \(.attempt) \(.late)"' run show "$id"
	run -0 m a run log "$id"
	[ "$output" = "$(seq 60 | sed 's/^/line /')" ]
	is a 1 length run list
}
