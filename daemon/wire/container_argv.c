/* The engine's command line, and what its failures mean. */
#include "wire/container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct words {
    char **list;
    size_t n, cap;
};

/* Owned from here on; NULL ends the list. */
static void put(struct words *w, char *word)
{
    if (w->n == w->cap) {
        w->cap = w->cap ? 2 * w->cap : 64;
        w->list = mem_grow(w->list, w->cap, sizeof *w->list);
    }
    w->list[w->n++] = word;
}

static void puts_(struct words *w, const char *word)
{
    put(w, mem_strdup(word));
}

static void pair(struct words *w, const char *option, char *value)
{
    puts_(w, option);
    put(w, value);
}

static bool begins(const char *name, size_t len, const char *start)
{
    size_t n = strlen(start);
    return len >= n && memcmp(name, start, n) == 0;
}

bool container_env_is_engines(const char *name, size_t len)
{
    static const char *const names[] = {
        "PATH",         "HOME",          "USER",          "LOGNAME",     "TMPDIR",
        "SHELL",        "TZDIR",         "HTTP_PROXY",    "HTTPS_PROXY", "NO_PROXY",
        "ALL_PROXY",    "http_proxy",    "https_proxy",   "no_proxy",    "all_proxy",
        "HOSTALIASES",  "RES_OPTIONS",   "NOTIFY_SOCKET", "LISTEN_FDS",  "LISTEN_PID",
        "TOOLBOX_PATH", "PODMAN_USERNS",
    };
    static const char *const starts[] = {
        "LD_",       "GLIBC_",    "MALLOC_",    "DOCKER_",  "CONTAINER",  "PODMAN_",
        "BUILDAH_",  "BUILDKIT_", "REGISTRY_",  "STORAGE_", "XDG_",       "DBUS_",
        "SSL_CERT_", "GODEBUG",   "GOMAXPROCS", "GOGC",     "GOMEMLIMIT", "GOTRACEBACK",
        "OCI_",      "_",         "COMPOSE_",   "SSH_",     "SUDO_",      "NETAVARK_",
        "CRUN_",     "RUNC_",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_LEN(starts); i++)
        if (begins(name, len, starts[i]))
            return true;
    return false;
}

static void put_identity(struct words *w, const struct container_start *s)
{
    pair(w, "--name", mem_strdup(s->name));
    pair(w, "--label", mem_printf("cail.token=%s", s->token));
    pair(w, "--label", mem_printf("cail.attempt=%lld", (long long)s->attempt_id));
    /* The log is spliced from the engine's output; a second copy would grow without end. */
    pair(w, "--log-driver", mem_strdup("none"));
    pair(w, "--security-opt", mem_strdup("no-new-privileges"));
    pair(w, "--user", mem_printf("%u:%u", (unsigned)s->uid, (unsigned)s->gid));
    if (s->is_podman && s->uid) /* rootless: the caller's uid is the same inside */
        pair(w, "--userns", mem_strdup("keep-id"));
}

static void put_network(struct words *w, const struct container *c, const struct container_start *s)
{
    enum container_network network = container_network(c, (int32_t)s->n_ports);
    pair(w, "--network", mem_strdup(container_network_words[network]));
    for (size_t i = 0; network == NETWORK_BRIDGE && i < s->n_ports; i++)
        pair(w, "--publish",
             mem_printf("127.0.0.1:%u:%u", s->port[i], i < c->n_ports ? c->port[i] : s->port[i]));
}

static void put_limits(struct words *w, const struct container *c, const struct container_start *s)
{
    if (c->shm_mib)
        pair(w, "--shm-size", mem_printf("%lldm", (long long)c->shm_mib));
    if (s->memory_mib)
        pair(w, "--memory", mem_printf("%lldm", (long long)s->memory_mib));
    if (s->cpu_list && s->has_cpusets)
        pair(w, "--cpuset-cpus", mem_strdup(s->cpu_list));
}

/* docker's --gpus is CSV: with a comma in it the value stands in quotes of its own. */
static void put_gpus(struct words *w, const struct container_start *s)
{
    struct str uuids = STR_INIT;
    if (!s->n_uuids) { /* an image may ask for all, and the nvidia runtime would obey */
        pair(w, "--env", mem_strdup("NVIDIA_VISIBLE_DEVICES=void"));
        return;
    }
    for (size_t i = 0; i < s->n_uuids; i++) {
        if (s->is_podman)
            pair(w, "--device", mem_printf("nvidia.com/gpu=%s", s->uuids[i]));
        else
            str_addf(&uuids, "%s%s", i ? "," : "", s->uuids[i]);
    }
    if (!s->is_podman)
        pair(w, "--gpus", mem_printf("\"device=%s\"", uuids.p));
    str_done(&uuids);
}

static void put_mount(struct words *w, const char *source, const char *target, bool readonly)
{
    pair(
        w, "--mount",
        mem_printf("type=bind,source=%s,target=%s%s", source, target, readonly ? ",readonly" : ""));
}

/* One that the client mounts itself is the client's to say. */
static void put_own(struct words *w, const struct container *c, const char *const *folders,
                    bool readonly)
{
    for (; folders && *folders; folders++) {
        bool taken = false;
        for (size_t i = 0; i < c->n_mounts; i++)
            taken |= strcmp(c->mount[i].target, *folders) == 0;
        if (!taken)
            put_mount(w, *folders, *folders, readonly);
    }
}

static void put_env(struct words *w, const struct container_start *s)
{
    for (const char *const *e = s->env; e && *e; e++) {
        size_t len = strcspn(*e, "=");
        bool whole = container_env_is_engines(*e, len);
        pair(w, "--env", whole ? mem_strdup(*e) : mem_strndup(*e, len));
    }
}

char **container_argv(const struct container *c, const struct container_start *s)
{
    struct words w = {0};
    puts_(&w, s->program);
    puts_(&w, "run");
    puts_(&w, "--rm");
    puts_(&w, "--init");
    put_identity(&w, s);
    put_network(&w, c, s);
    put_limits(&w, c, s);
    put_gpus(&w, s);
    put_own(&w, c, s->folder, false);
    put_own(&w, c, s->shown, true);
    for (size_t i = 0; i < c->n_mounts; i++)
        put_mount(&w, c->mount[i].source, c->mount[i].target, c->mount[i].readonly);
    pair(&w, "--workdir", mem_strdup(s->cwd));
    put_env(&w, s);
    puts_(&w, c->image);
    for (const char *const *a = s->argv; *a; a++)
        puts_(&w, *a);
    put(&w, NULL);
    return w.list;
}

void container_argv_free(char **argv)
{
    for (char **a = argv; a && *a; a++)
        free(*a);
    free(argv);
}

/* --- failures --- */

static bool says(const char *text, size_t len, const char *word)
{
    return memmem(text, len, word, strlen(word)) != NULL;
}

/* What the engine, or the init that it puts before the command, begins its complaints with. */
static const struct {
    const char *start;
    bool is_init;
    bool left_out; /* of what a person is told */
} complaints[] = {
    {"docker: ", false, true},         {"Error: ", false, true},
    {"podman: ", false, true},         {"Error response ", false, false},
    {"ERROR (catatonit", true, false}, {"[FATAL tini", true, false},
};

struct complaint {
    const char *text; /* NULL = none */
    size_t len;
    bool is_init, is_last;
};

/* The last one. docker adds a line about its help behind it. */
static struct complaint find_complaint(const char *tail, size_t len)
{
    struct complaint c = {NULL, 0, false, false};
    for (const char *p = tail, *end = tail + len; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t n = nl ? (size_t)(nl - p) : (size_t)(end - p);
        c.is_last = false;
        for (size_t i = 0; i < ARRAY_LEN(complaints); i++) {
            if (!begins(p, n, complaints[i].start))
                continue;
            c.text = p + (complaints[i].left_out ? strlen(complaints[i].start) : 0);
            c.len = n - (size_t)(c.text - p);
            c.is_init = complaints[i].is_init;
            c.is_last = true;
        }
        p += n + 1;
    }
    return c;
}

static bool is_about_the_image(const struct complaint *c)
{
    static const char *const words[] = {
        "initializing source", "nable to find image", "pull access denied", "o such image",
        "short-name",          "manifest unknown",    "registry",           "failed to resolve",
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (says(c->text, c->len, words[i]))
            return true;
    return false;
}

bool container_refusal(int exit_code, const char *image, const char *tail, size_t len, char *out,
                       size_t size)
{
    struct complaint c = find_complaint(tail, len);
    bool engines = exit_code >= 125 && exit_code <= 127;
    /* catatonit ends with 1 when it cannot execute the command, after its one line. */
    if (!c.text || !(engines || (exit_code == 1 && c.is_init && c.is_last)))
        return false;
    CLEANUP(mem_freep)
    char *absent = mem_printf("the image %s is not here and cannot be pulled", image);
    const char *what = "the container could not be started";
    if (exit_code == 125 && is_about_the_image(&c))
        what = absent;
    else if (exit_code == 127 || (c.is_init && says(c.text, c.len, "No such file")))
        what = "the command is not in the image";
    else if (c.is_init || says(c.text, c.len, "exec"))
        what = "the command cannot be executed in the image";
    snprintf(out, size, "%s: %.*s", what, (int)(c.len < 300 ? c.len : 300), c.text);
    for (char *p = out; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    return true;
}
