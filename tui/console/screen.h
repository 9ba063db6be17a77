/* The screens: each a pure function of model and size, one file a screen. */
#ifndef CONSOLE_SCREEN_H
#define CONSOLE_SCREEN_H

#include "grid.h"
#include "model.h"
#include "widget.h"

struct screen {
	const struct widget_column *columns;
	int	    ncolumns;
	void (*draw)(const struct model *, const struct area *);
};

extern const struct screen screens[SCREEN_COUNT];

/* The rows of a screen's list as shown: lens, filter, sort. */
void	screen_rows(const struct model *, enum screen_id, struct view_rows *);
/* The selected row, or NULL; borrowed. */
const json_t *screen_selected(const struct model *);
/* What was told of this row beyond the list, or NULL; borrowed. */
const json_t *screen_detail(const struct model *, const json_t *row);
/* Why there is none of it, or "". */
const char *screen_detail_error(const struct model *, const json_t *row);
/* How many rows of the list are shown: for PgDn. */
int	screen_page(const struct model *, int h);
/* Everything: bars, content, overlays. */
void	screen_draw(const struct model *, struct grid *);
/* The row of messages alone. */
void	screen_message(const struct model *, struct grid *);

/* For the screens' own use. */
extern const struct widget_column agent_columns[], join_columns[],
    job_columns[], run_columns[], event_columns[], sched_columns[],
    setting_columns[];
extern const int agent_ncolumns, join_ncolumns, job_ncolumns, run_ncolumns,
    event_ncolumns, sched_ncolumns, setting_ncolumns;
void	screen_agents(const struct model *, const struct area *);
void	screen_agent(const struct model *, const struct area *);
void	screen_join(const struct model *, const struct area *);
void	screen_jobs(const struct model *, const struct area *);
void	screen_runs(const struct model *, const struct area *);
void	screen_events(const struct model *, const struct area *);
void	screen_sched(const struct model *, const struct area *);
void	screen_settings(const struct model *, const struct area *);
/* What cells are told. */
struct screen_ctx {
	const struct model *m;
	enum glyphs glyphs;
};
/* A table of the screen's rows in the area, or why it is empty; 0 then. */
size_t	screen_table(const struct model *, const struct area *,
	    widget_cell *, const char *empty);
/* "name (level), then …" of those that could take over, or why it names none. */
void	screen_next_in_line(const struct model *, struct buf *);
/* The first row of a screen: what it shows, and at the right how. */
void	screen_head(const struct area *, unsigned attr, const char *left,
	    const char *right);
/* "as of 10:41:53" when the data is old, else "". */
char   *screen_as_of(const struct model *, char out[SAY]);

/* Overlays. */
void	help_draw(const struct model *, const struct area *);
/* The keys that the help shows now: indices into keys[]; returns how many. */
size_t	help_list(const struct model *, size_t out[], size_t max);

#endif
