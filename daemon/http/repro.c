/* GET /jobs/{id}/repro: a bash script that runs the job again, anywhere bash is. Whatever a
 * stranger wrote stands in single quotes, in a heredoc with a delimiter of its own, or, in
 * comments, on one line. */
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/ftime.h"
#include "http/api.h"
#include "wire/job_spec.h"
#include "wire/json.h"

static void quote(struct str *out, const char *text)
{
    str_addc(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            str_adds(out, "'\\''");
        else
            str_addc(out, *text);
    }
    str_addc(out, '\'');
}

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
        quote(out, *e + name + 1);
        str_addc(out, '\n');
    }
}

static void recipe(const struct job_spec *spec, struct str *out)
{
    CLEANUP(json_decrefp) json_t *params = NULL;
    struct cail_err err;
    const char *key;
    json_t *v;
    str_adds(out, "exec cail run ");
    quote(out, spec->recipe);
    if (json_read(spec->params, strlen(spec->params), &params, &err) != 0)
        params = NULL;
    json_object_foreach(params, key, v)
    {
        CLEANUP(str_done) struct str pair = STR_INIT;
        str_addf(&pair, "%s=", key);
        if (json_is_string(v))
            str_adds(&pair, json_string_value(v));
        else
            json_put(&pair, v);
        str_adds(out, " -p ");
        quote(out, pair.p);
    }
    if (spec->build_root) {
        str_adds(out, " --build-root ");
        quote(out, spec->build_root);
    }
    str_addc(out, '\n');
}

/* Into a file, as when it ran: its first line may name another interpreter, and it may read its
 * standard input. The delimiter is made of the text's hash, so no line of the text can be it. */
static void script(const char *text, struct str *out)
{
    char sha256[DIGEST_LEN];
    digest_hex(text, strlen(text), sha256);
    sha256[16] = 0;
    str_adds(out, "file=$(mktemp) || exit 1\ntrap 'rm -f \"$file\"' EXIT\n");
    str_addf(out, "cat >\"$file\" <<'END_%s'\n%s%sEND_%s\n", sha256, text,
             *text && text[strlen(text) - 1] == '\n' ? "" : "\n", sha256);
    str_adds(out, strncmp(text, "#!", 2) == 0 ? "chmod 700 \"$file\" && \"$file\"\n"
                                              : "bash \"$file\"\n");
}

void repro_script(const struct job *j, const struct job_spec *spec, const struct attempt *last,
                  const char *host, const char *version, struct str *out)
{
    head(j, last, host, version, out);
    environment(spec, out);
    if (spec->cwd) {
        str_adds(out, "cd -- ");
        quote(out, spec->cwd);
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
            quote(out, *arg);
        }
        str_addc(out, '\n');
    }
}
