/* What a result must say of the machine it was measured on. Any thread; reads files of /proc, /sys.
 */
#ifndef ENGINE_MACHINE_H
#define ENGINE_MACHINE_H

#include "base/jw.h"

/* Members host, kernel, machine, cpu, cpus_online, governor; null where this machine does not say.
 * host NULL: its own name. */
void machine_facts(struct jw *w, const char *host);

#endif
