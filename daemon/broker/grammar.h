/* The checks of texts with a grammar of their own, for settings and catalogue:
 * schedules, conditions, time zones.  Stands on no other room. */
#ifndef BROKER_GRAMMAR_H
#define BROKER_GRAMMAR_H

#include "core/checks.h"

extern const struct checks grammar_checks;

#endif
