/* Everything that descends from this process. As a subreaper it inherits every orphan below it, so
 * setsid and double forks leave nobody out; only a process that another one has adopted on purpose
 * (a container engine's, systemd's) is somebody else's. */
#ifndef RUN_TREE_H
#define RUN_TREE_H

#include <stddef.h>
#include <sys/types.h>

/* TERM to every descendant, then CONT, or a stopped one would never act on it. Listed first and
 * signalled then: a parent that dies of it would hide its children, and what a dying shell still
 * starts to clean up is not disturbed. */
void tree_terminate(void);
/* KILL to every descendant, each before its children are listed: a process that has a fatal signal
 * pending completes no fork, so repeated passes converge. */
void tree_kill(void);
/* The living descendants as "pid pid", cut at a pid. "" = none. */
void tree_list(char *out, size_t size);

#endif
