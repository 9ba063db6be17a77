/* The tables of fields of the catalogue, for those who read and write it. */
#ifndef JOB_FIELDS_H
#define JOB_FIELDS_H

#include "core/field.h"
#include "core/job.h"

/* jobs, queues, calendars, flows: FIELD_LISTs of struct catalogue, by enum
 * catalogue_kind. */
extern const struct field catalogue_lists[CATALOGUE_NKINDS];

#define job_list      (&catalogue_lists[CATALOGUE_JOB])
#define queue_list    (&catalogue_lists[CATALOGUE_QUEUE])
#define calendar_list (&catalogue_lists[CATALOGUE_CALENDAR])
#define flow_list     (&catalogue_lists[CATALOGUE_FLOW])

#endif
