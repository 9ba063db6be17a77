# The five cases by their rules at the default timeouts: connection_timeout 15 s,
# off_timeout 5 s.

load ../lib
load ../merged
load ../cases

setup()
{
	CT=15000 OT=5000 HB=1000 SET=connection_timeout=15s
	cases_setup
}

@test "case 1 at 15 s and 5 s: no Scheduler" {
	case_1
}

@test "case 2 at 15 s and 5 s: the switch condition is met" {
	case_2
}

@test "case 3 at 15 s and 5 s: two are ON" {
	case_3
}

@test "case 4 at 15 s and 5 s: an operator turns one on" {
	case_4
}

@test "case 5 at 15 s and 5 s: an operator turns one off" {
	case_5
}

@test "case 5 at 15 s and 5 s: … that does not answer" {
	case_5_silent
}
