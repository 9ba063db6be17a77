#include "core/order.h"

#include <stddef.h>

#include "js.h"

/* 2^53: above it a JSON number is not exact everywhere. */
#define EXACT INT64_C(9007199254740992)

int64_t
order_alone(int64_t epoch, int64_t n)
{
	if (epoch < 0 || n < 1 || n >= ORDER_ALONE_EACH ||
	    epoch >= (EXACT - ORDER_ALONE) / ORDER_ALONE_EACH)
		return 0;
	return ORDER_ALONE + epoch * ORDER_ALONE_EACH + n;
}

int64_t
order_alone_epoch(int64_t run)
{
	return order_is_alone(run) ? (run - ORDER_ALONE) / ORDER_ALONE_EACH
				   : 0;
}

json_t *
order_json(int64_t run, int64_t attempt, const char *job,
    const char *occurrence, const json_t *spec)
{
	static const char *const same[] = { "command", "shell", "user",
		"directory", "environment", "file" };
	json_t *item = json_pack("{s:I,s:I,s:s,s:s,s:I,s:I,s:I}", "run",
	    (json_int_t)run, "attempt", (json_int_t)attempt, "job", job,
	    "occurrence", occurrence, "timeout_ms",
	    (json_int_t)(js_num(spec, "timeout", 0) * 1000), "grace_ms",
	    (json_int_t)(js_num(spec, "grace", 10) * 1000), "output_max",
	    (json_int_t)js_int(spec, "output_limit", 1 << 20));

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		json_t *v = json_object_get(spec, same[i]);

		if (v != NULL)
			(void)json_object_set(item, same[i], v);
	}
	return item;
}
