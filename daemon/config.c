/* Settings of cail-d. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cail_version.h"

extern char **environ;

/* --- keys --- */

static int set_listen(struct config *c, const char *value)
{
    const char *colon = strrchr(value, ':');
    if (!colon || colon == value || c->n_listen == ARRAY_LEN(c->listen))
        return -1;
    struct http_listen *l = &c->listen[c->n_listen];
    size_t len = (size_t)(colon - value);
    if (value[0] == '[' && colon[-1] == ']') {
        value++;
        len -= 2;
    }
    char *end;
    long port = strtol(colon + 1, &end, 10);
    if (!colon[1] || *end || port < 0 || port > 65535 || len >= sizeof l->host)
        return -1;
    memcpy(l->host, value, len);
    l->host[len] = 0;
    l->port = (int)port;
    c->n_listen++;
    return 0;
}

static int add_hosts(struct config *c, const char *value)
{
    CLEANUP(mem_freep) char *copy = mem_strdup(value);
    char *save = NULL;
    for (char *h = strtok_r(copy, " ,", &save); h; h = strtok_r(NULL, " ,", &save)) {
        if (c->n_hosts == CONFIG_HOSTS_MAX)
            return -1;
        c->allowed_hosts[c->n_hosts++] = mem_strdup(h);
    }
    return 0;
}

enum key_type { KEY_PATH, KEY_NUMBER, KEY_SWITCH, KEY_LISTEN, KEY_HOSTS };
#define PATH(field)          KEY_PATH, offsetof(struct config, field), sizeof((struct config *)0)->field, 0
#define NUMBER(field, least) KEY_NUMBER, offsetof(struct config, field), 0, least
#define SWITCH(field)        KEY_SWITCH, offsetof(struct config, field), 0, 0 /* int64_t: 0, 1 */
static const struct key {
    const char *section, *name;
    enum key_type type;
    size_t offset, size;
    int64_t least;
} keys[] = {
    {"daemon", "listen", KEY_LISTEN, 0, 0, 0},
    {"daemon", "allowed_hosts", KEY_HOSTS, 0, 0, 0},
    {"daemon", "socket", PATH(socket)},
    {"daemon", "state_dir", PATH(state_dir)},
    {"daemon", "build_root", PATH(build_root)},
    {"daemon", "recipes", PATH(recipes)},
    {"daemon", "tools", PATH(tools)},
    {"daemon", "helper", PATH(helper)},
    {"gpu", "probe", PATH(probe)},
    {"gpu", "nvml", PATH(nvml)},
    {"jobs", "cpus", NUMBER(cpus, 1)},
    {"jobs", "memory_mib", NUMBER(memory_mib, 64)},
    {"jobs", "max", NUMBER(jobs_max, 1)},
    {"jobs", "log_cap_mib", NUMBER(log_cap_mib, 1)},
    {"keep", "cache_gib", NUMBER(cache_gib, 0)},
    {"keep", "attempt_days", NUMBER(keep_days, 0)},
    {"keep", "attempt_gib", NUMBER(keep_gib, 0)},
    {"keep", "results_days", NUMBER(results_days, 0)},
    {"history", "confirm", SWITCH(confirm)},
};

/* "~/x" and relative paths become absolute; cail-d runs in "/". */
static int set_path(char *out, size_t size, const char *value)
{
    const char *home = getenv("HOME");
    char cwd[PATH_MAX];
    int n;
    if (value[0] == '/')
        n = snprintf(out, size, "%s", value);
    else if (value[0] == '~' && value[1] == '/' && home)
        n = snprintf(out, size, "%s%s", home, value + 1);
    else if (getcwd(cwd, sizeof cwd))
        n = snprintf(out, size, "%s/%s", cwd, value);
    else
        return -1;
    return *value && n > 0 && (size_t)n < size ? 0 : -1;
}

static int set_number(int64_t *out, const char *value, int64_t least)
{
    char *end;
    errno = 0;
    long long n = strtoll(value, &end, 10);
    if (errno || end == value || *end || n < least || n > INT32_MAX)
        return -1;
    *out = n;
    return 0;
}

static int set_switch(int64_t *out, const char *value)
{
    bool on = strcmp(value, "on") == 0;
    *out = on;
    return on || strcmp(value, "off") == 0 ? 0 : -1;
}

static int set_key(struct config *c, const struct key *k, const char *value)
{
    char *field = (char *)c + k->offset;
    switch (k->type) {
    case KEY_PATH:
        return set_path(field, k->size, value);
    case KEY_NUMBER:
        return set_number((int64_t *)(void *)field, value, k->least);
    case KEY_SWITCH:
        return set_switch((int64_t *)(void *)field, value);
    case KEY_LISTEN:
        return set_listen(c, value);
    case KEY_HOSTS:
        return add_hosts(c, value);
    }
    return -1;
}

static int set_upstream(struct config *c, const char *name, size_t len, const char *url)
{
    struct engine_upstream *u = NULL;
    for (size_t i = 0; i < c->n_upstreams; i++)
        if (strlen(c->upstream[i].name) == len && strncmp(c->upstream[i].name, name, len) == 0)
            u = &c->upstream[i];
    if (!u && c->n_upstreams < CONFIG_UPSTREAMS_MAX)
        u = &c->upstream[c->n_upstreams++];
    if (!u || !len || len >= sizeof u->name || !*url || *url == '-' || strlen(url) >= sizeof u->url)
        return -1;
    memcpy(u->name, name, len);
    u->name[len] = 0;
    snprintf(u->url, sizeof u->url, "%s", url);
    return 0;
}

/* --- the file --- */

struct reading {
    struct config *c;
    const char *path;
    struct cail_err *err;
    bool bad, listened;
};

static int on_key(void *user, const char *section, const char *name, const char *value)
{
    struct reading *r = user;
    if (r->bad)
        return 1;
    if (strcmp(section, "upstreams") == 0) {
        size_t len = strlen(name);
        if (len > 4 && strcmp(name + len - 4, ".url") == 0 &&
            !set_upstream(r->c, name, len - 4, value))
            return 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (strcmp(section, keys[i].section) != 0 || strcmp(name, keys[i].name) != 0)
            continue;
        if (keys[i].type == KEY_LISTEN && !r->listened) {
            r->listened = true;
            r->c->n_listen = 0;
        }
        if (!set_key(r->c, &keys[i], value))
            return 1;
    }
    r->bad = true;
    err_set(r->err, E_BAD_REQUEST, "%s: [%.40s] %.60s = %.100s is no setting of cail-d", r->path,
            section, name, value);
    err_hint(r->err, "cail.conf(5) lists them");
    return 1;
}

static int read_file(struct config *c, const char *path, bool must, struct cail_err *err)
{
    struct reading r = {.c = c, .path = path, .err = err};
    int line = ini_parse(path, on_key, &r);
    if (line == -1)
        return must ? err_set_errno(err, E_BAD_REQUEST, errno, "cannot read '%s'", path) : 0;
    if (r.bad)
        return E_BAD_REQUEST;
    return line ? err_set(err, E_BAD_REQUEST, "%s, line %d: not an INI line", path, line) : 0;
}

/* --- defaults --- */

static void default_dir(char *out, size_t size, const char *variable, const char *below_home)
{
    const char *base = getenv(variable), *home = getenv("HOME");
    if (base && base[0] == '/')
        snprintf(out, size, "%s/cail", base);
    else
        snprintf(out, size, "%s/%s/cail", home && home[0] == '/' ? home : "", below_home);
}

/* Beside the programs: build/bin/cail-d -> build/bin/cail-run, ../../recipes; or installed. */
static void default_programs(struct config *c)
{
    char self[PATH_MAX], dir[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return;
    self[n] = 0;
    *strrchr(self, '/') = 0;
    snprintf(c->helper, sizeof c->helper, "%.4000s/cail-run", self);
    snprintf(c->probe, sizeof c->probe, "%.4000s/cail-probe", self);
    if (access(c->probe, X_OK))
        c->probe[0] = 0;
    static const char *const share[] = {"../..", "../share/cail", "../../.."};
    for (size_t i = 0; i < ARRAY_LEN(share); i++) {
        snprintf(dir, sizeof dir, "%.3000s/%s/recipes/lib", self, share[i]);
        if (access(dir, F_OK))
            continue;
        CLEANUP(mem_freep) char *top = mem_printf("%.3000s/%s", self, share[i]);
        CLEANUP(mem_freep) char *real = realpath(top, NULL);
        if (!real)
            continue;
        snprintf(c->recipes, sizeof c->recipes, "%.3000s/recipes", real);
        snprintf(c->tools, sizeof c->tools, "%.3000s/tools", real);
        return;
    }
}

static void defaults(struct config *c)
{
    const char *home = getenv("HOME"), *run = getenv("XDG_RUNTIME_DIR");
    memset(c, 0, sizeof *c);
    (void)set_listen(c, "127.0.0.1:8080");
    (void)set_listen(c, "[::1]:8080");
    default_dir(c->state_dir, sizeof c->state_dir, "XDG_STATE_HOME", ".local/state");
    snprintf(c->build_root, sizeof c->build_root, "%.3000s/.cail/builds", home ? home : "");
    if (run && run[0] == '/' && strlen(run) < 80)
        snprintf(c->socket, sizeof c->socket, "%s/cail/cail.sock", run);
    default_programs(c);
    long cpus = sysconf(_SC_NPROCESSORS_ONLN), pages = sysconf(_SC_PHYS_PAGES);
    c->cpus = cpus > 0 ? cpus : 1;
    c->memory_mib = pages > 0 ? pages / 256 * (sysconf(_SC_PAGESIZE) / 4096) : 1024;
    c->jobs_max = JOBS_LIVE_MAX;
    c->cache_gib = 50;
    c->keep_days = 30;
    c->results_days = 365;
    c->keep_gib = 20;
    c->log_cap_mib = (int64_t)(LOG_CAP_BYTES >> 20);
    for (char **pair = environ; *pair; pair++) {
        static const char start[] = "CAIL_UPSTREAM_";
        char *eq = strchr(*pair, '=');
        if (strncmp(*pair, start, sizeof start - 1) != 0 || !eq || eq - *pair < 19 ||
            strncmp(eq - 4, "_URL", 4) != 0)
            continue;
        char name[64];
        size_t n = 0;
        for (char *p = *pair + sizeof start - 1; p < eq - 4 && n < sizeof name - 1; p++)
            name[n++] = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p == '_' ? '-' : *p);
        (void)set_upstream(c, name, n, eq + 1); /* a bad one is as if it was not there */
    }
}

/* --- the command line --- */

static const char usage[] =
    "usage: cail-d [options]\n"
    "The lab daemon: HTTP API, queue and store. Settings: cail.conf(5).\n\n"
    "  --listen HOST:PORT   loopback address to serve on; again for more (default\n"
    "                       127.0.0.1:8080 and [::1]:8080; port 0 = any free one)\n"
    "  --socket PATH        Unix socket (default $XDG_RUNTIME_DIR/cail/cail.sock,\n"
    "                       else STATE_DIR/cail.sock); \"none\" = no socket\n"
    "  --state-dir DIR      database, logs, attempts (default $XDG_STATE_HOME/cail)\n"
    "  --build-root DIR     sources and builds (default ~/.cail/builds)\n"
    "  --recipes DIR        recipes (default: beside the program)\n"
    "  --config FILE        settings (default $XDG_CONFIG_HOME/cail/cail.conf)\n"
    "  --port-file FILE     write the port of the first --listen there once it serves\n"
    "  --set SECTION.KEY=VALUE   any setting of the file\n"
    "  --verbose            log more\n"
    "  --version, --help\n";

static int set_dotted(struct config *c, const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char key[80];
        size_t n = (size_t)snprintf(key, sizeof key, "%s.%s=", keys[i].section, keys[i].name);
        if (strncmp(text, key, n) == 0)
            return set_key(c, &keys[i], text + n);
    }
    static const char up[] = "upstreams.";
    const char *eq = strchr(text, '=');
    if (strncmp(text, up, sizeof up - 1) == 0 && eq && eq - text > 14 &&
        strncmp(eq - 4, ".url", 4) == 0)
        return set_upstream(c, text + sizeof up - 1, (size_t)(eq - 4 - text) - (sizeof up - 1),
                            eq + 1);
    return -1;
}

enum {
    O_LISTEN = 1,
    O_SOCKET,
    O_STATE,
    O_BUILD,
    O_RECIPES,
    O_CONFIG,
    O_PORT,
    O_SET,
    O_VERBOSE,
    O_VERSION,
    O_HELP
};
static const struct option options[] = {
    {"listen", required_argument, NULL, O_LISTEN},
    {"socket", required_argument, NULL, O_SOCKET},
    {"state-dir", required_argument, NULL, O_STATE},
    {"build-root", required_argument, NULL, O_BUILD},
    {"recipes", required_argument, NULL, O_RECIPES},
    {"config", required_argument, NULL, O_CONFIG},
    {"port-file", required_argument, NULL, O_PORT},
    {"set", required_argument, NULL, O_SET},
    {"verbose", no_argument, NULL, O_VERBOSE},
    {"version", no_argument, NULL, O_VERSION},
    {"help", no_argument, NULL, O_HELP},
    {NULL, 0, NULL, 0},
};

static int take_option(struct config *c, int option, const char *value, bool *listened)
{
    switch (option) {
    case O_LISTEN:
        if (!*listened)
            c->n_listen = 0;
        *listened = true;
        return set_listen(c, value);
    case O_SOCKET:
        c->socket[0] = 0;
        return strcmp(value, "none") == 0 ? snprintf(c->socket, sizeof c->socket, "none") < 0
                                          : set_path(c->socket, sizeof c->socket, value);
    case O_STATE:
        return set_path(c->state_dir, sizeof c->state_dir, value);
    case O_BUILD:
        return set_path(c->build_root, sizeof c->build_root, value);
    case O_RECIPES:
        return set_path(c->recipes, sizeof c->recipes, value);
    case O_PORT:
        return set_path(c->port_file, sizeof c->port_file, value);
    case O_SET:
        return set_dotted(c, value);
    case O_VERBOSE:
        c->verbose = true;
        return 0;
    case O_CONFIG: /* read before the others */
        return 0;
    default:
        return -1;
    }
}

static const char *config_path(int argc, char **argv, char *out, size_t size, bool *ret_must)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            *ret_must = true;
            return argv[i + 1];
        }
        if (strncmp(argv[i], "--config=", 9) == 0) {
            *ret_must = true;
            return argv[i] + 9;
        }
    }
    *ret_must = false;
    default_dir(out, size, "XDG_CONFIG_HOME", ".config");
    size_t n = strlen(out);
    snprintf(out + n, size - n, "/cail.conf");
    return out;
}

static int bad_value(int option, const char *value, struct cail_err *err)
{
    const struct option *o = options;
    while (o->name && o->val != option)
        o++;
    if (option == O_SOCKET && value)
        return err_set(err, E_BAD_REQUEST, "--socket %.120s: a socket's path has at most %zu bytes",
                       value, sizeof((struct sockaddr_un *)0)->sun_path - 1);
    return err_set(err, E_BAD_REQUEST,
                   "--%s does not take \"%.120s\"; cail-d --help says what it takes",
                   o->name ? o->name : "?", value ? value : "");
}

int config_read(struct config *c, int argc, char **argv, enum config_answer *ret,
                struct cail_err *err)
{
    char buf[4096];
    bool must, listened = false;
    defaults(c);
    const char *path = config_path(argc, argv, buf, sizeof buf, &must);
    int rc = read_file(c, path, must, err);
    if (rc)
        return rc;
    *ret = CONFIG_RUN;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == O_HELP || option == O_VERSION) {
            fputs(option == O_HELP ? usage : "cail-d " CAIL_VERSION "\n", stdout);
            *ret = CONFIG_DONE;
            return 0;
        }
        if (option == '?')
            return err_set(err, E_BAD_REQUEST, "bad option; cail-d --help lists them");
        if (take_option(c, option, optarg, &listened))
            return bad_value(option, optarg, err);
    }
    if (optind < argc)
        return err_set(err, E_BAD_REQUEST, "\"%.60s\" is no option; cail-d --help lists them",
                       argv[optind]);
    if (!c->socket[0] &&
        (size_t)snprintf(c->socket, sizeof c->socket, "%.90s/cail.sock", c->state_dir) > 100)
        c->socket[0] = 0;
    if (strcmp(c->socket, "none") == 0)
        c->socket[0] = 0;
    return 0;
}

void config_done(struct config *c)
{
    for (size_t i = 0; i < c->n_hosts; i++)
        free(c->allowed_hosts[i]);
}
