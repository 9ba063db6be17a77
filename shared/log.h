/* One line an event: `level subsystem key=value… message`, to standard error
 * (the journal, where there is one).  Message in lower case, without a stop.
 * Secrets never; what comes from outside is made safe here.  Any thread. */
#ifndef LOG_H
#define LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void	log_init(enum log_level most);
/* -1 when the word is not error, warn, info or debug. */
int	log_level_of(const char *word, enum log_level *);
void	log_at(enum log_level, const char *subsystem, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

#endif
