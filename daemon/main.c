/* cail-d: wiring only. Rooms are built bottom-up, the loop runs, rooms go top-down. */
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <uv.h>

#include "base/clock.h"
#include "base/fsx.h"
#include "base/log.h"
#include "config.h"
#include "engine/engine.h"
#include "http/routes.h"
#include "http/server.h"
#include "lab/lab.h"
#include "store/store.h"

enum { EXIT_STORE = 74, EXIT_SETUP = 78 }; /* sysexits.h: EX_IOERR, EX_CONFIG */

struct daemon {
    struct config config;
    uv_loop_t loop;
    struct engine *engine;
    struct lab *lab;
    struct http_server *server;
    struct api api;
    char url[128]; /* of the first address that is served */
    uv_signal_t on_term, on_int;
    int exit_code;
    bool stopping;
};

/* --- engine -> server --- */

static void durable(void *arg, uint64_t batch)
{
    struct daemon *d = arg;
    if (d->server)
        http_server_durable(d->server, batch);
    api_durable(&d->api, batch);
}

static void measured(void *arg, uid_t uid, const int64_t *series, size_t n)
{
    struct daemon *d = arg;
    if (d->api.engine)
        api_measured(&d->api, uid, series, n);
}

static void failed(void *arg, const struct cail_err *why)
{
    struct daemon *d = arg;
    struct cail_err err;
    err_set(&err, E_COMMIT_UNKNOWN, "the disk reported an error while this was being stored: %s",
            why->text);
    err_hint(&err, "repeat the request with the same Idempotency-Key");
    if (d->server)
        http_server_fail_waiting(d->server, &err);
}

static void wake(void *arg, int64_t key)
{
    struct daemon *d = arg;
    if (d->server)
        http_server_wake(d->server, key);
}

static void pr_loaded(void *arg, struct pr *p)
{
    struct daemon *d = arg;
    lab_load_pr(d->lab, p);
}

static void topic_loaded(void *arg, struct topic *t)
{
    struct daemon *d = arg;
    lab_load_topic(d->lab, t);
}

static void forget(void *arg)
{
    struct daemon *d = arg;
    lab_forget(d->lab);
}

/* What was acknowledged is on disk and jobs run on; the service manager starts a fresh process. */
static void fatal(void *arg, const struct cail_err *err)
{
    (void)arg;
    log_error("%s", err->text);
    _exit(EXIT_STORE);
}

/* --- server -> engine --- */

static void load_run(void *arg, struct store_reader *reader)
{
    struct http_load *load = arg;
    load->run(load, reader);
}

static void load_done(void *arg)
{
    struct http_load *load = arg;
    load->done(load);
}

static bool load(void *app, struct http_load *l)
{
    struct api *api = app;
    return engine_read(api->engine, load_run, load_done, l);
}

static uint64_t durable_now(void *app)
{
    struct api *api = app;
    return engine_durable(api->engine);
}

/* --- start --- */

static void raise_files(void)
{
    struct rlimit r;
    if (!getrlimit(RLIMIT_NOFILE, &r) && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max < 65536 ? r.rlim_max : 65536;
        (void)setrlimit(RLIMIT_NOFILE, &r); /* fewer files = fewer connections, no error */
    }
}

static int make_state_dir(const char *dir, struct cail_err *err)
{
    struct stat st;
    int rc = fsx_mkdirs(dir, 0700, err);
    if (rc)
        return rc;
    if (stat(dir, &st) || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 0022))
        return err_set(err, E_FORBIDDEN,
                       "the state folder '%s' must be a folder of yours that "
                       "nobody else can write to (chmod 700)",
                       dir);
    return 0;
}

/* The table of upstreams with the configuration's URLs over it; jobs are told all of them. */
static int open_lab(struct daemon *d, struct cail_err *err)
{
    struct config *c = &d->config;
    struct lab_override o[CONFIG_UPSTREAMS_MAX];
    struct upstream *const *table;
    for (size_t i = 0; i < c->n_upstreams; i++)
        o[i] = (struct lab_override){c->upstream[i].name, c->upstream[i].url};
    int rc = lab_open(&d->lab, c->recipes, o, c->n_upstreams, err);
    size_t n = rc ? 0 : lab_upstreams(d->lab, &table);
    for (size_t i = 0; i < n && c->n_upstreams < CONFIG_UPSTREAMS_MAX; i++) {
        if (table[i]->is_overridden)
            continue;
        struct engine_upstream *u = &c->upstream[c->n_upstreams++];
        snprintf(u->name, sizeof u->name, "%s", table[i]->name);
        snprintf(u->url, sizeof u->url, "%s", table[i]->url);
    }
    return rc;
}

static int open_engine(struct daemon *d, struct cail_err *err)
{
    const struct config *c = &d->config;
    struct engine_config ec = {
        .state_dir = c->state_dir,
        .build_root = c->build_root,
        .recipes_dir = c->recipes,
        .helper = c->helper,
        .tools_dir = c->tools,
        .probe = c->probe[0] ? c->probe : NULL,
        .nvml = c->nvml[0] ? c->nvml : NULL,
        .cpus = (int32_t)c->cpus,
        .memory_mib = c->memory_mib,
        .cache_limit_bytes = c->cache_gib << 30,
        .keep_days = c->keep_days,
        .results_days = c->results_days,
        .keep_bytes = c->keep_gib << 30,
        .log_cap_bytes = c->log_cap_mib << 20,
        .jobs_live_max = (int32_t)c->jobs_max,
        .upstreams = c->upstream,
        .n_upstreams = c->n_upstreams,
    };
    struct engine_listener listener = {.arg = d,
                                       .durable = durable,
                                       .failed = failed,
                                       .wake = wake,
                                       .measured = measured,
                                       .pr = pr_loaded,
                                       .topic = topic_loaded,
                                       .forget = forget,
                                       .fatal = fatal};
    if (access(c->helper, X_OK))
        return err_set(err, E_IO, "cail-run is not at '%s'; build it, or set daemon.helper",
                       c->helper);
    return engine_open(&d->engine, &d->loop, &ec, &listener, err);
}

static int open_server(struct daemon *d, int ports[4], struct cail_err *err)
{
    const struct config *c = &d->config;
    d->api.engine = d->engine;
    d->api.lab = d->lab;
    d->api.confirms = c->confirm != 0;
    d->api.sqlite_version = store_library_version();
    d->api.libmicrohttpd_version = http_library_version();
    struct http_config hc = {
        .routes = http_routes,
        .n_routes = n_http_routes,
        .pages = http_pages,
        .n_pages = http_n_pages(),
        .hooks = {&d->api, load, durable_now},
        .n_listen = c->n_listen,
        .socket_path = c->socket[0] ? c->socket : NULL,
        .allowed_hosts = (const char *const *)c->allowed_hosts,
        .owner = geteuid(),
    };
    memcpy(hc.listen, c->listen, sizeof hc.listen);
    if (c->socket[0]) {
        char folder[sizeof c->socket];
        snprintf(folder, sizeof folder, "%s", c->socket);
        char *slash = strrchr(folder, '/');
        if (slash && slash != folder) {
            *slash = 0;
            int rc = fsx_mkdirs(folder, 0700, err);
            if (rc)
                return rc;
        }
    }
    int rc = http_server_start(&d->server, &d->loop, &hc, ports, err);
    d->api.server = d->server;
    return rc;
}

/* sd_notify(3) in a few lines: the library would be the only reason to link libsystemd. */
static void notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof a.sun_path)
        return;
    memcpy(a.sun_path, path, strlen(path));
    if (path[0] == '@')
        a.sun_path[0] = 0;
    CLEANUP(fsx_closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (fd >= 0)
        (void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&a, len);
}

static int announce(struct daemon *d, const int ports[4], struct cail_err *err)
{
    const struct config *c = &d->config;
    char *url = d->url, text[16];
    for (size_t i = 0; i < c->n_listen; i++) {
        bool v6 = strchr(c->listen[i].host, ':') != NULL;
        if (!ports[i])
            continue;
        log_info("serving http://%s%s%s:%d", v6 ? "[" : "", c->listen[i].host, v6 ? "]" : "",
                 ports[i]);
        if (!url[0])
            snprintf(url, sizeof d->url, "http://%s%s%s:%d", v6 ? "[" : "", c->listen[i].host,
                     v6 ? "]" : "", ports[i]);
    }
    if (c->socket[0])
        log_info("serving %s", c->socket);
    d->api.url = url;
    engine_set_url(d->engine, url);
    notify("READY=1");
    if (!c->port_file[0])
        return 0;
    snprintf(text, sizeof text, "%d\n", ports[0]);
    return fsx_write_atomic(c->port_file, text, strlen(text), 0644, false, err);
}

/* --- stop --- */

static void server_stopped(void *arg)
{
    struct daemon *d = arg;
    d->server = NULL;
    api_done(&d->api);
    uv_close((uv_handle_t *)&d->on_term, NULL);
    uv_close((uv_handle_t *)&d->on_int, NULL);
    uv_stop(&d->loop);
}

static void on_signal(uv_signal_t *h, int signum)
{
    struct daemon *d = h->data;
    if (d->stopping)
        return;
    d->stopping = true;
    log_info("signal %d: stopping; running jobs run on", signum);
    notify("STOPPING=1");
    http_server_stop(d->server, server_stopped, d);
}

static int run(struct daemon *d, struct cail_err *err)
{
    int ports[4] = {0};
    int rc = make_state_dir(d->config.state_dir, err);
    if (!rc)
        rc = open_lab(d, err);
    if (!rc)
        rc = open_engine(d, err);
    if (rc) {
        lab_close(d->lab);
        return rc;
    }
    rc = open_server(d, ports, err);
    if (!rc)
        rc = announce(d, ports, err);
    if (rc) {
        engine_close(d->engine);
        lab_close(d->lab);
        return rc;
    }
    uv_signal_init(&d->loop, &d->on_term);
    uv_signal_init(&d->loop, &d->on_int);
    d->on_term.data = d->on_int.data = d;
    uv_signal_start(&d->on_term, on_signal, SIGTERM);
    uv_signal_start(&d->on_int, on_signal, SIGINT);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    engine_close(d->engine);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    lab_close(d->lab);
    log_info("stopped");
    return 0;
}

int main(int argc, char **argv)
{
    static struct daemon d; /* large; zeroed */
    struct cail_err err;
    enum config_answer answer;
    signal(SIGPIPE, SIG_IGN);
    umask(0077);
    int rc = config_read(&d.config, argc, argv, &answer, &err);
    if (!rc && answer == CONFIG_DONE)
        return 0;
    if (!rc) {
        log_set_level(d.config.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
        raise_files();
        uv_loop_init(&d.loop);
        rc = run(&d, &err);
    }
    if (rc) {
        log_error("%s%s%s", err.text, err.hint[0] ? "; " : "", err.hint);
        return rc == E_STORE_UNREADABLE || rc == E_STORE ? EXIT_STORE : EXIT_SETUP;
    }
    uv_loop_close(&d.loop);
    config_done(&d.config);
    return 0;
}
