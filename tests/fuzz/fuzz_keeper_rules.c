/* The keeper's rules file: a typing error must end in a message.
 * The keeper is no library: its parser is taken in as source, and what that
 * needs. */
#include "keeper/rules.c"
#include "keeper/who.c"

#include <stddef.h>
#include <stdint.h>

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rules r;
	struct err e = { 0 };

	if (rules_parse((const char *)data, size, "rules", &r, &e) == -1 &&
	    (e.code == ERR_OK || e.msg[0] == '\0'))
		__builtin_trap();
	if (r.n > RULES_USERS || strlen(r.default_user) >= RULES_NAME)
		__builtin_trap();
	return 0;
}
