# Completion of muster(1) for bash: install as
# /usr/share/bash-completion/completions/muster.  The words come from the
# program itself, so that they are never older than it.
_muster()
{
	local i=1 cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}

	# Past the options of the program, four of which take a value.
	while ((i < COMP_CWORD)); do
		case ${COMP_WORDS[i]} in
		-H | -S | -i | -F) ((i += 2)) ;;
		-*) ((i += 1)) ;;
		*) break ;;
		esac
	done
	if ((i > COMP_CWORD)) || { ((i == COMP_CWORD)) && [[ $cur == -* ]]; }
	then
		case $prev in
		-H) mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur") ;;
		-S | -i | -F)
			mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
		*) mapfile -t COMPREPLY < <(compgen -W \
			'-H -S -i -F --json --utc --help --version' \
			-- "$cur") ;;
		esac
		return
	fi
	mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" --complete \
	    "${COMP_WORDS[@]:i:COMP_CWORD-i+1}" 2>/dev/null)
}
complete -o default -F _muster muster
