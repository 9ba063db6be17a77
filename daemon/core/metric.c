#include "core/metric.h"

#include <stdio.h>
#include <string.h>

#include "core/health.h"

static const struct {
	const char	*name;
	enum metric_unit unit;
} metrics[METRIC_COUNT] = {
	[METRIC_CPU]	   = { "cpu", METRIC_PERCENT },
	[METRIC_SELF_CPU]  = { "self_cpu", METRIC_PERCENT },
	[METRIC_MEM]	   = { "mem", METRIC_PERCENT },
	[METRIC_SELF_MEM]  = { "self_mem", METRIC_PERCENT },
	[METRIC_SWAP]	   = { "swap", METRIC_PERCENT },
	[METRIC_DISK]	   = { "disk", METRIC_PERCENT },
	[METRIC_LOAD1]	   = { "load1", METRIC_NUMBER },
	[METRIC_PSI_CPU]   = { "psi_cpu", METRIC_PERCENT },
	[METRIC_PSI_MEM]   = { "psi_mem", METRIC_PERCENT },
	[METRIC_PSI_IO]	   = { "psi_io", METRIC_PERCENT },
	[METRIC_NET_RX]	   = { "net_rx", METRIC_BYTES_S },
	[METRIC_NET_TX]	   = { "net_tx", METRIC_BYTES_S },
	[METRIC_RUNNING]   = { "running", METRIC_NUMBER },
	[METRIC_CONNECTED] = { "connected", METRIC_BOOL },
	[METRIC_LATENCY]   = { "latency", METRIC_MS },
	[METRIC_UPTIME]	   = { "uptime", METRIC_PERCENT },
	[METRIC_OUTAGES]   = { "outages", METRIC_NUMBER },
	[METRIC_HEALTH]	   = { "health", METRIC_LEVEL },
};

const char *
metric_name(enum metric m)
{
	return metrics[m].name;
}

enum metric_unit
metric_unit(enum metric m)
{
	return metrics[m].unit;
}

enum metric
metric_of_name(const char *s, size_t n)
{
	unsigned m;

	for (m = 0; m < METRIC_COUNT; m++)
		if (strlen(metrics[m].name) == n &&
		    memcmp(metrics[m].name, s, n) == 0)
			break;
	return (enum metric)m;
}

char *
metric_fmt(enum metric m, double v, char out[METRIC_TEXT])
{
	switch (metrics[m].unit) {
	case METRIC_PERCENT:
		(void)snprintf(out, METRIC_TEXT, "%.1f", v);
		break;
	case METRIC_MS:
		(void)snprintf(out, METRIC_TEXT, "%.6gms", v);
		break;
	case METRIC_BOOL:
		(void)snprintf(out, METRIC_TEXT, "%s",
		    v != 0 ? "true" : "false");
		break;
	case METRIC_LEVEL:
		(void)snprintf(out, METRIC_TEXT, "%s",
		    v >= 0 && v < HEALTH_COUNT ?
		    health_name((enum health)(int)v) : "unknown");
		break;
	case METRIC_NUMBER:
	case METRIC_BYTES_S:
		(void)snprintf(out, METRIC_TEXT, "%.6g", v);
		break;
	}
	return out;
}
