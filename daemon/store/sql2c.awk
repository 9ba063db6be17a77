# statements.sql -> sql_text.h: enum stmt for everybody, the texts for the
# engine (STORE_SQL_TEXT), the parameter counts for batch.c (STORE_SQL_ARGS).
#
# @NAME@ becomes the macro SQL_NAME, a string that the engine defines before it
# includes the header: that is how one file serves two dialects.

function die(why)
{
	printf "%s:%d: %s\n", FILENAME, FNR, why > "/dev/stderr"
	bad = 1
	exit 1
}

# The highest ?N.
function args(s,    n, most)
{
	most = 0
	while (match(s, /\?[0-9]+/)) {
		n = substr(s, RSTART + 1, RLENGTH - 1) + 0
		if (n > most)
			most = n
		s = substr(s, RSTART + RLENGTH)
	}
	return most
}

function quoted(s)
{
	while (match(s, /@[A-Z0-9]+@/))
		s = substr(s, 1, RSTART - 1) "\" SQL_" \
		    substr(s, RSTART + 1, RLENGTH - 2) " \"" \
		    substr(s, RSTART + RLENGTH)
	return "\"" s "\""
}

function open_part(new_kind)
{
	if (kind != "" && ended == 0)
		die("the part before this line does not end with ;")
	kind = new_kind
	ended = 0
}

/^-- name: / {
	open_part("name")
	if ($3 !~ /^[A-Z][A-Z0-9_]*$/ || NF != 3)
		die("a name is made of A-Z, 0-9 and _, not \"" $3 "\"")
	if ($3 in seen)
		die("second statement named " $3)
	seen[$3] = 1
	name[nstmts++] = $3
	next
}

/^-- schema: / {
	open_part("schema")
	if ($3 != nschemas + 1)
		die("schema " nschemas + 1 " must come next, not " $3)
	nschemas++
	next
}

{
	sub(/--.*$/, "")
	sub(/^[ \t]+/, "")
	sub(/[ \t]+$/, "")
	if ($0 == "")
		next
	if (kind == "")
		die("text before the first -- name: or -- schema: line")
	if ($0 ~ /["\\]/)
		die("no \" and no \\ here: they mean different things")
	if (kind == "name" && ended)
		die("one statement a name")
	ended = $0 ~ /;$/
	if (kind == "name")
		text[nstmts - 1] = text[nstmts - 1] (text[nstmts - 1] == "" ? \
		    "" : " ") $0
	else
		schema[nschemas] = schema[nschemas] "\n\t    " quoted($0 " ")
}

END {
	if (bad)
		exit 1
	if (!ended || nstmts == 0 || nschemas == 0)
		die("the file ends in the middle")
	print "/* Made from statements.sql by sql2c.awk. */"
	print "#ifndef SQL_TEXT_H\n#define SQL_TEXT_H\n"
	print "enum stmt {"
	for (i = 0; i < nstmts; i++)
		print "\tS_" name[i] ","
	print "\tS_COUNT\n};\n"
	print "enum { SQL_SCHEMA = " nschemas " };\n"
	print "#endif\n"
	print "#if defined(STORE_SQL_TEXT) && !defined(SQL_TEXT_DONE)"
	print "#define SQL_TEXT_DONE"
	print "static const char *const sql_text[S_COUNT] = {"
	for (i = 0; i < nstmts; i++)
		print "\t[S_" name[i] "] = " quoted(text[i]) ","
	print "};\n"
	print "static const char *const sql_name[S_COUNT] = {"
	for (i = 0; i < nstmts; i++)
		print "\t[S_" name[i] "] = \"" name[i] "\","
	print "};\n"
	print "static const char *const sql_schema[SQL_SCHEMA + 1] = {"
	for (i = 1; i <= nschemas; i++)
		print "\t[" i "] =" schema[i] ","
	print "};\n#endif\n"
	print "#if defined(STORE_SQL_ARGS) && !defined(SQL_ARGS_DONE)"
	print "#define SQL_ARGS_DONE"
	print "static const unsigned char sql_args[S_COUNT] = {"
	for (i = 0; i < nstmts; i++)
		print "\t[S_" name[i] "] = " args(text[i]) ","
	print "};\n#endif"
}
