#include "copy.h"

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

static int
copy_all(int in, int out, const char *to, const char *what, struct err *e)
{
	char buf[16384];
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		for (ssize_t done = 0, w; done < n; done += w)
			if ((w = write(out, buf + done,
			         (size_t)(n - done))) == -1)
				return err_sys(e, "%s %s", what, to);
	if (n == -1 || fsync(out) == -1)
		return err_sys(e, "%s %s", what, to);
	return 0;
}

int
copy_file(const char *from, const char *to, const char *what, struct err *e)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out, rc;

	if (in == -1)
		return err_sys(e, "%s: %s", what, from);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out == -1)
		rc = err_sys(e, "%s %s", what, to);
	else {
		rc = copy_all(in, out, to, what, e);
		(void)close(out);
		if (rc == -1)
			(void)unlink(to);
	}
	(void)close(in);
	return rc;
}
