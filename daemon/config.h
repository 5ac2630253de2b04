/* Where settings come from, the later winning: defaults, the INI file, the command line. Every key
 * is a row of the table in config.c and a paragraph of cail.conf(5). */
#ifndef CONFIG_H
#define CONFIG_H

#include "engine/engine.h"
#include "http/server.h"

enum { CONFIG_HOSTS_MAX = 32, CONFIG_UPSTREAMS_MAX = 64 };

struct config {
    struct http_listen listen[4];
    size_t n_listen;
    char socket[108]; /* sun_path's size; "" = none */
    char state_dir[4096], build_root[4096], recipes[4096], tools[4096], port_file[4096];
    char helper[4096], probe[4096], nvml[4096];
    char *allowed_hosts[CONFIG_HOSTS_MAX + 1];
    size_t n_hosts;
    int64_t confirm; /* history.confirm: 0 or 1 */
    int64_t cpus, memory_mib, jobs_max, cache_gib, keep_days, keep_gib, results_days, log_cap_mib;
    struct engine_upstream upstream[CONFIG_UPSTREAMS_MAX];
    size_t n_upstreams;
    bool verbose;
};

enum config_answer { CONFIG_RUN, CONFIG_DONE /* --help, --version: printed */ };

/* Fill *c from argv (and the file it or the defaults name). 0 and *ret, or E_BAD_REQUEST with what
 * is wrong and where. */
int config_read(struct config *c, int argc, char **argv, enum config_answer *ret,
                struct cail_err *err) NODISCARD;
void config_done(struct config *c);

#endif
