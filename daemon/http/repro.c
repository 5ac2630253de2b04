/* GET /jobs/{id}/repro: a bash script that runs the job again, anywhere bash is. Whatever a
 * stranger wrote stands in single quotes, in a heredoc with a delimiter of its own, or, in
 * comments, on one line. */
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/ftime.h"
#include "base/mem.h"
#include "base/shell.h"
#include "http/api.h"
#include "wire/job_spec.h"
#include "wire/json.h"

static void comment(struct str *out, const char *label, const char *text)
{
    str_addf(out, "# %s: ", label);
    for (const char *p = text ? text : "unknown"; *p; p++)
        str_addc(out, (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p);
    str_addc(out, '\n');
}

static void head(const struct job *j, const struct attempt *last, const char *host,
                 const char *version, struct str *out)
{
    char at[FTIME_LEN];
    str_addf(out, "#!/bin/bash\n# Job %lld again.\n", (long long)j->id);
    comment(out, "name", j->name);
    comment(out, "host", host);
    comment(out, "cail", version);
    if (last && last->started_at_us) {
        ftime_utc(last->started_at_us, at);
        comment(out, "last started", at);
    }
    if (last && last->provenance)
        comment(out, "provenance", last->provenance);
    str_adds(out, "set -u\n");
}

static void environment(const struct job_spec *spec, struct str *out)
{
    for (char **e = spec->env; e && *e; e++) {
        size_t name = strcspn(*e, "=");
        /* A name that is no shell word came from a client of another make; env(1) could set it. */
        if (name == 0 ||
            strspn(*e, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") != name ||
            (**e >= '0' && **e <= '9')) {
            comment(out, "left out of the environment", *e);
            continue;
        }
        str_adds(out, "export ");
        str_add(out, *e, name + 1);
        shell_quote(out, *e + name + 1);
        str_addc(out, '\n');
    }
}

/* A branch moves on: the commit that was built is named instead, where it is known. */
static void recipe(const struct job_spec *spec, struct str *out)
{
    json_t *sha = json_object_get(spec->json, "source_sha");
    CLEANUP(json_decrefp) json_t *params = NULL;
    struct cail_err err;
    const char *key;
    json_t *v;
    str_adds(out, "exec cail run ");
    shell_quote(out, spec->recipe);
    if (json_read(spec->params, strlen(spec->params), &params, &err) != 0)
        params = NULL;
    json_object_foreach(params, key, v) {
        CLEANUP(str_done) struct str pair = STR_INIT;
        json_put_pair(&pair, key, sha && strcmp(key, "ref") == 0 ? sha : v);
        str_adds(out, " -p ");
        shell_quote(out, pair.p);
    }
    if (spec->build_root) {
        str_adds(out, " --build-root ");
        shell_quote(out, spec->build_root);
    }
    str_addc(out, '\n');
}

/* Into "$file". The delimiter is made of the text's hash, so no line of the text can be it. */
static void here_document(const char *text, struct str *out)
{
    char sha256[DIGEST_LEN];
    digest_hex(text, strlen(text), sha256);
    sha256[16] = 0;
    str_addf(out, "cat >\"$file\" <<'END_%s'\n%s%sEND_%s\n", sha256, text,
             *text && text[strlen(text) - 1] == '\n' ? "" : "\n", sha256);
}

static void option(struct str *out, const char *name, const char *value)
{
    str_addf(out, " %s ", name);
    shell_quote(out, value);
}

/* Of the job's container all but what was leased: cards, ports and pinned cpus are the machine's to
 * say. The folder that an attempt would have is a new one. */
static void container(const struct job_spec *spec, const struct job *j, struct str *out)
{
    const struct container *c = spec->container;
    enum container_network network = container_network(c, j->needs.ports);
    str_adds(out, c->engine == ENGINE_AUTO ? "engine=$(command -v docker || command -v podman) || "
                                             "{ echo 'install docker or podman' >&2; exit 1; }\n"
                                           : "engine=");
    str_addf(out, "%s%s", c->engine == ENGINE_AUTO ? "" : container_engine_words[c->engine],
             c->engine == ENGINE_AUTO ? "" : "\n");
    str_adds(out, "dir=$(mktemp -d) || exit 1\n");
    if (spec->script) {
        str_adds(out, "file=$dir/script\n");
        here_document(spec->script, out);
        str_adds(out, "chmod 700 \"$file\"\n");
    }
    if (j->needs.gpus)
        comment(out, "its cards were leased; add", "--gpus all, or --device nvidia.com/gpu=all");
    str_adds(out, "\"$engine\" run --rm --init --security-opt no-new-privileges"
                  " --user \"$(id -u):$(id -g)\" --mount \"type=bind,source=$dir,target=$dir\"");
    option(out, "--network", container_network_words[network]);
    for (size_t i = 0; network == NETWORK_BRIDGE && i < c->n_ports; i++)
        str_addf(out, " --publish 127.0.0.1::%u", c->port[i]);
    if (c->shm_mib)
        str_addf(out, " --shm-size %lldm", (long long)c->shm_mib);
    if (j->needs.memory_mib)
        str_addf(out, " --memory %lldm", (long long)j->needs.memory_mib);
    for (size_t i = 0; i < c->n_mounts; i++) {
        CLEANUP(mem_freep)
        char *value = mem_printf("type=bind,source=%s,target=%s%s", c->mount[i].source,
                                 c->mount[i].target, c->mount[i].readonly ? ",readonly" : "");
        option(out, "--mount", value);
    }
    for (char **e = spec->env; e && *e; e++)
        option(out, "--env", *e);
    if (spec->cwd)
        option(out, "--workdir", spec->cwd);
    else
        str_adds(out, " --workdir \"$dir\"");
    str_addc(out, ' ');
    shell_quote(out, c->image);
    if (spec->script)
        str_adds(out, strncmp(spec->script, "#!", 2) == 0 ? " \"$file\"" : " /bin/bash \"$file\"");
    for (const char **arg = spec->argv; arg && *arg; arg++) {
        str_addc(out, ' ');
        shell_quote(out, *arg);
    }
    str_addc(out, '\n');
}

/* Into a file, as when it ran: its first line may name another interpreter, and it may read its
 * standard input. */
static void script(const char *text, struct str *out)
{
    str_adds(out, "file=$(mktemp) || exit 1\ntrap 'rm -f \"$file\"' EXIT\n");
    here_document(text, out);
    str_adds(out, strncmp(text, "#!", 2) == 0 ? "chmod 700 \"$file\" && \"$file\"\n"
                                              : "bash \"$file\"\n");
}

void repro_script(const struct job *j, const struct job_spec *spec, const struct attempt *last,
                  const char *host, const char *version, struct str *out)
{
    head(j, last, host, version, out);
    if (spec->container && !spec->recipe) {
        container(spec, j, out);
        return;
    }
    environment(spec, out);
    if (spec->cwd) {
        str_adds(out, "cd -- ");
        shell_quote(out, spec->cwd);
        str_adds(out, " || exit 1\n");
    }
    if (spec->recipe) {
        recipe(spec, out);
    } else if (spec->script) {
        script(spec->script, out);
    } else {
        str_adds(out, "exec");
        for (const char **arg = spec->argv; arg && *arg; arg++) {
            str_addc(out, ' ');
            shell_quote(out, *arg);
        }
        str_addc(out, '\n');
    }
}
