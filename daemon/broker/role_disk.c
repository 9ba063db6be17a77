#include "broker/role_disk.h"

#include <string.h>

#include "js.h"

static int64_t
left_ms(mono until, mono now)
{
	int64_t ms = until.us == MONO_NEVER.us ? 0 : mono_diff_ms(until, now);

	return ms > 0 ? ms : 0;
}

char *
role_disk_dump(const struct role *r, struct now now, const char *boot)
{
	const struct role_durable *d = &r->d;
	json_t *o = json_pack("{s:b,s:i,s:I,s:I,s:i,s:I,s:b,s:b,s:b,s:I,s:I,"
			      "s:I,s:I}",
	    "intent", d->intent, "aim", (int)d->aim, "target",
	    (json_int_t)d->target, "avoid", (json_int_t)d->avoid, "move",
	    d->move, "lifts", (json_int_t)d->lifts, "vacant", d->vacant,
	    "restored", d->restored, "fenced", d->fenced, "off_below",
	    (json_int_t)d->off_below, "pinned", (json_int_t)d->pinned, "pin_ms",
	    (json_int_t)d->pin_ms, "fence_ms", (json_int_t)d->fence_ms);
	char *text;

	(void)json_object_update_new(o, json_pack("{s:I,s:I,s:s,s:I,s:I}",
	    "pin_left", (json_int_t)(d->pinned != 0 ? left_ms(r->pin_end,
	    now.mono) : 0), "switch_left",
	    (json_int_t)left_ms(r->switch_after, now.mono), "boot", boot,
	    "mono_us", (json_int_t)now.mono.us, "wall_ms",
	    (json_int_t)now.wall.ms));
	text = js_dump(o);
	json_decref(o);
	return text;
}

/* How much time has passed since it was stored. */
static int64_t
passed_ms(const json_t *o, struct now now, const char *boot)
{
	int64_t ms;

	if (boot[0] != '\0' && strcmp(js_str(o, "boot", ""), boot) == 0)
		ms = mono_diff_ms(now.mono,
		    (mono){ js_int(o, "mono_us", now.mono.us) });
	else
		ms = now.wall.ms - js_int(o, "wall_ms", now.wall.ms);
	return ms > 0 ? ms : 0;
}

void
role_disk_read(struct role_durable *d, const char *text, struct now now,
    const char *boot, int64_t switch_min_interval)
{
	json_t *o = text != NULL ? json_loads(text, 0, NULL) : NULL;
	int64_t aim = js_int(o, "aim", 0), passed = passed_ms(o, now, boot);
	int64_t pin = js_int(o, "pin_left", 0) - passed;
	int64_t pause = js_int(o, "switch_left", 0) - passed;

	d->intent = js_bool(o, "intent", false);
	d->aim = aim >= 0 && aim < ROLE_NAIMS ? (enum role_aim)aim
					      : ROLE_AIM_ANY;
	d->target = js_int(o, "target", 0);
	d->avoid = js_int(o, "avoid", 0);
	d->move = (int)js_int(o, "move", 0);
	if (d->move < 0 || d->move > 5)
		d->move = 0;
	d->lifts = js_int(o, "lifts", 0);
	d->vacant = js_bool(o, "vacant", false);
	d->restored = js_bool(o, "restored", false);
	d->fenced = js_bool(o, "fenced", false);
	d->off_below = js_int(o, "off_below", 0);
	d->fence_ms = js_int(o, "fence_ms", 0);
	d->pinned = pin > 0 ? js_int(o, "pinned", 0) : 0;
	d->pin_until = (wall){ d->pinned != 0 ? now.wall.ms + pin : 0 };
	d->pin_ms = js_int(o, "pin_ms", 0);
	/* A shorter interval, set meanwhile, counts. */
	if (pause > switch_min_interval)
		pause = switch_min_interval;
	d->switched = (wall){ pause > 0 ? now.wall.ms + pause -
	    switch_min_interval : 0 };
	json_decref(o);
}
