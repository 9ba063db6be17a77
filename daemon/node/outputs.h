/* The kept output of runs in bounded space: files go after 30 days, and the
 * oldest when all of them take more than 1 GiB.  Loop thread. */
#ifndef NODE_OUTPUTS_H
#define NODE_OUTPUTS_H

/* Looks through state_dir/output once; meant to be called every some minutes.
 * What is not settled yet is young, and is left alone for a day at least. */
void	outputs_trim(const char *state_dir);

#endif
