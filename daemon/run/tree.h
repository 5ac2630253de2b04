/* Everything that descends from this process. As a subreaper it inherits every orphan below it, so
 * setsid and double forks leave nobody out; only a process that another one has adopted on purpose
 * (a container engine's, systemd's) is somebody else's. */
#ifndef RUN_TREE_H
#define RUN_TREE_H

#include <stddef.h>
#include <sys/types.h>

/* Send sig to every descendant, each parent before its children are listed: a process that has a
 * fatal signal pending completes no fork, so KILL passes converge. TERM is followed by CONT, or a
 * stopped process would never act on it. */
void tree_signal(int sig);
/* The living descendants as "pid pid", cut at a pid. "" = none. */
void tree_list(char *out, size_t size);

#endif
