/* Directories watched by inotify, by the paths under which they were asked
 * for.  One directory may have several paths (symbolic links), and a path may
 * lead elsewhere later: whoever hears that a path went or came asks to forget
 * it and adds it again.  One thread's: adding may hang as long as a file system
 * does. */
#ifndef NODE_DIRS_H
#define NODE_DIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dirs;

/* Nothing may be added or forgotten within these calls. */
struct dirs_ops {
	/* Something happened to an entry: its path, IN_* and IN_ISDIR. */
	void (*entry)(void *ctx, const char *path, uint32_t mask);
	/* The directory itself was removed, renamed or unmounted; it is
	 * forgotten already, and so is what was below it. */
	void (*gone)(void *ctx, const char *path);
	/* The kernel's queue ran over: whatever happened was lost. */
	void (*lost)(void *ctx);
};

/* NULL when the kernel gives no more inotify instances (errno). */
struct dirs *dirs_new(const struct dirs_ops *, void *ctx);
void	dirs_free(struct dirs *);
/* Can be read when there is something to hear; hear passes it on. */
int	dirs_fd(const struct dirs *);
void	dirs_hear(struct dirs *);
/* Watches it, for IN_* in addition to what it is watched for already.  0 or
 * the errno of inotify_add_watch(2): ENOSPC when there are no more watches. */
int	dirs_add(struct dirs *, const char *path, uint32_t mask);
/* That path and everything below it. */
void	dirs_forget(struct dirs *, const char *path);
/* Forgets the paths that are not wanted any more. */
void	dirs_keep(struct dirs *, bool (*want)(void *, const char *path),
	    void *arg);
size_t	dirs_count(const struct dirs *);

#endif
