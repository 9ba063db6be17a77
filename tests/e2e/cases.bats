# The five cases by their rules, connection_timeout and off_timeout at 1 s
# (slow/cases.bats: at 15 s and 5 s).

load lib
load merged
load cases

setup()
{
	CT=1000 OT=1000 HB=200 SET=$FAST
	cases_setup
}

@test "case 1 at 1 s: no Scheduler" {
	case_1
}

@test "case 2 at 1 s: the switch condition is met" {
	case_2
}

@test "case 3 at 1 s: two are ON" {
	case_3
}

@test "case 4 at 1 s: an operator turns one on" {
	case_4
}

@test "case 5 at 1 s: an operator turns one off" {
	case_5
}

@test "case 5 at 1 s: … that does not answer" {
	case_5_silent
}
