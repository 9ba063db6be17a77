/* Words as an operator, or an SSH client, sends them. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "mem.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = mem_zero(1, size + 1), **words;
	struct buf b = BUF_INIT(1 << 20);
	struct cmd_call call;
	struct err e = { 0 };
	int n;

	memcpy(line, data, size);
	n = text_words(line, &words, &e);
	free(line);
	if (n == -1)
		return 0;
	cmd_complete(&b, n, words);
	buf_clear(&b);
	if (cmd_parse(n, words, &call, &e) == -1) {
		if (e.code != ERR_USAGE || e.msg[0] == '\0')
			abort();
	} else {
		if (call.help)
			cmd_help(&b, call.noun, call.cmd);
		else {
			/* What the words gave, the daemon must take: but for
			 * what the front end still has to add. */
			json_object_set_new(call.params, "text",
			    json_string(""));
			if (json_object_get(call.params, "token") == NULL)
				json_object_set_new(call.params, "token",
				    json_string("t"));
			if (cmd_check(call.cmd, call.params, &e) == -1)
				abort();
			cmd_question(&b, call.cmd, call.params);
		}
		cmd_call_clear(&call);
	}
	buf_free(&b);
	text_words_free(words, n);
	return 0;
}
