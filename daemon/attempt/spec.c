/* The spec file. */
#include "attempt/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempt/files.h"
#include "base/mem.h"

#define MAGIC "CAILSPEC1"

enum { CRC_ITEM = sizeof "crc=12345678" }; /* with its NUL */

static void put(struct str *out, const char *key, const char *value)
{
    str_adds(out, key);
    str_addc(out, '=');
    str_add(out, value, strlen(value) + 1);
}

static void put_int(struct str *out, const char *key, int64_t v)
{
    str_adds(out, key);
    str_addc(out, '=');
    str_add_int(out, v);
    str_addc(out, 0);
}

static void put_identity(struct str *out, const struct attempt_spec *s)
{
    put_int(out, "uid", s->uid);
    put_int(out, "gid", s->gid);
    for (size_t i = 0; i < s->n_groups; i++)
        put_int(out, "group", s->groups[i]);
}

void attempt_spec_encode(const struct attempt_spec *s, struct str *out)
{
    size_t from = out->len;
    str_add(out, MAGIC, sizeof MAGIC);
    put_int(out, "id", s->id);
    put(out, "token", s->token);
    put(out, "cwd", s->cwd);
    if (s->cpu_list)
        put(out, "cpu_list", s->cpu_list);
    put_int(out, "wall_ms", s->wall_ms);
    put_int(out, "idle_ms", s->idle_ms);
    put_int(out, "grace_ms", s->grace_ms);
    put_int(out, "log_cap_bytes", s->log_cap_bytes);
    put_int(out, "memory_mib", s->memory_mib);
    put_int(out, "counters", s->counters);
    if (s->container) {
        put(out, "engine", s->engine);
        put(out, "container", s->container);
        put(out, "image", s->image);
    }
    if (s->uid >= 0)
        put_identity(out, s);
    for (const char **a = s->argv; *a; a++)
        put(out, "arg", *a);
    for (const char **e = s->env; *e; e++)
        put(out, "env", *e);
    if (s->stdin_text) {
        put_int(out, "stdin", (int64_t)s->stdin_len);
        str_add(out, s->stdin_text, s->stdin_len);
        str_addc(out, 0);
    }
    str_addf(out, "crc=%08x", attempt_crc32(out->p + from, out->len - from));
    str_addc(out, 0);
}

/* Where decoding stands. */
struct reader {
    const char *at, *end; /* end: the crc item */
    struct attempt_spec *s;
    size_t n_args, n_env;
};

/* Append to a NULL-terminated list; it grows by doubling at powers of two. */
static bool add_to(const char ***list, size_t *n, const char *value)
{
    if (*n >= ATTEMPT_SPEC_LIST_MAX)
        return false;
    if ((*n & (*n - 1)) == 0)
        *list = mem_grow(*list, *n ? *n * 2 + 1 : 2, sizeof **list);
    (*list)[(*n)++] = value;
    (*list)[*n] = NULL;
    return true;
}

static bool add_group(struct attempt_spec *s, const char *value, size_t len)
{
    int64_t gid;
    if (s->n_groups >= ATTEMPT_GROUPS_MAX || !attempt_parse_int(value, len, 0, &gid) ||
        gid >= UINT32_MAX)
        return false;
    s->groups = mem_grow(s->groups, s->n_groups + 1, sizeof *s->groups);
    s->groups[s->n_groups++] = (gid_t)gid;
    return true;
}

static bool take_stdin(struct reader *r, const char *value, size_t len)
{
    int64_t n;
    if (r->s->stdin_text || !attempt_parse_int(value, len, 0, &n) || n >= r->end - r->at)
        return false;
    if (r->at[n])
        return false;
    r->s->stdin_text = r->at;
    r->s->stdin_len = (size_t)n;
    r->at += n + 1;
    return true;
}

/* A number's key: 1 = taken, 0 = another key, -1 = a bad number. */
static int take_number(struct attempt_spec *s, const char *item, size_t key_len, const char *value,
                       size_t len)
{
    const struct {
        const char *key;
        int64_t *to;
        int64_t max;
    } rows[] = {
        {"id", &s->id, INT64_MAX},
        {"wall_ms", &s->wall_ms, INT64_MAX / 1000000},
        {"idle_ms", &s->idle_ms, INT64_MAX / 1000000},
        {"grace_ms", &s->grace_ms, INT64_MAX / 1000000},
        {"log_cap_bytes", &s->log_cap_bytes, INT64_MAX},
        {"memory_mib", &s->memory_mib, INT64_MAX >> 20},
        {"uid", &s->uid, UINT32_MAX - 1},
        {"gid", &s->gid, UINT32_MAX - 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strlen(rows[i].key) == key_len && memcmp(rows[i].key, item, key_len) == 0)
            return attempt_parse_int(value, len, 0, rows[i].to) && *rows[i].to <= rows[i].max ? 1
                                                                                              : -1;
    return 0;
}

static bool is_key(const char *item, size_t key_len, const char *key)
{
    return strlen(key) == key_len && memcmp(item, key, key_len) == 0;
}

/* One NUL-terminated item; the reader already stands behind it. */
static bool take_item(struct reader *r, const char *item, size_t len)
{
    const char *eq = memchr(item, '=', len);
    if (!eq)
        return false;
    size_t key_len = (size_t)(eq - item);
    const char *value = eq + 1;
    size_t value_len = len - key_len - 1;
    int number = take_number(r->s, item, key_len, value, value_len);
    if (number)
        return number > 0;
    if (is_key(item, key_len, "arg"))
        return add_to(&r->s->argv, &r->n_args, value);
    if (is_key(item, key_len, "env"))
        return add_to(&r->s->env, &r->n_env, value);
    if (is_key(item, key_len, "group"))
        return add_group(r->s, value, value_len);
    if (is_key(item, key_len, "stdin"))
        return take_stdin(r, value, value_len);
    if (is_key(item, key_len, "cwd"))
        r->s->cwd = value;
    else if (is_key(item, key_len, "cpu_list"))
        r->s->cpu_list = value;
    else if (is_key(item, key_len, "engine") && value[0] == '/')
        r->s->engine = value;
    else if (is_key(item, key_len, "container") && attempt_token_ok(value, value_len))
        r->s->container = value;
    else if (is_key(item, key_len, "image") && value[0] && value[0] != '-')
        r->s->image = value;
    else if (is_key(item, key_len, "token") && attempt_token_ok(value, value_len))
        r->s->token = value;
    else if (is_key(item, key_len, "counters"))
        r->s->counters = value_len == 1 && *value == '1';
    else
        return false;
    return true;
}

/* The last item is the checksum of what is before it; this also ends the text in a NUL. */
static bool checksum_ok(const char *bytes, size_t len)
{
    if (len > ATTEMPT_SPEC_MAX || len < sizeof MAGIC + CRC_ITEM || bytes[len - 1])
        return false;
    char want[CRC_ITEM];
    snprintf(want, sizeof want, "crc=%08x", attempt_crc32(bytes, len - CRC_ITEM));
    return memcmp(bytes + len - CRC_ITEM, want, CRC_ITEM) == 0;
}

static bool is_complete(const struct attempt_spec *s)
{
    return s->token && s->cwd && (s->cwd[0] == '/' || !s->cwd[0]) && s->argv && s->argv[0][0] &&
           (s->uid >= 0) == (s->gid >= 0) && !s->engine == !s->container && !s->engine == !s->image;
}

int attempt_spec_decode(const char *bytes, size_t len, struct attempt_spec *ret,
                        struct cail_err *err)
{
    if (!checksum_ok(bytes, len) || memcmp(bytes, MAGIC, sizeof MAGIC) != 0)
        return err_set(err, E_IO, "the spec is torn or of another version");
    struct attempt_spec s = {.uid = -1, .gid = -1};
    struct reader r = {bytes + sizeof MAGIC, bytes + len - CRC_ITEM, &s, 0, 0};
    while (r.at < r.end) {
        const char *item = r.at;
        size_t n = strnlen(item, (size_t)(r.end - item));
        r.at += n + 1;
        if (r.at > r.end || !take_item(&r, item, n)) {
            attempt_spec_done(&s);
            return err_set(err, E_IO, "the spec's item '%.40s' is not understood", item);
        }
    }
    if (!is_complete(&s)) {
        attempt_spec_done(&s);
        return err_set(err, E_IO, "the spec lacks its token, cwd or command");
    }
    if (!s.env)
        s.env = mem_array(1, sizeof *s.env);
    *ret = s;
    return 0;
}

void attempt_spec_done(struct attempt_spec *s)
{
    free(s->argv);
    free(s->env);
    free(s->groups);
    *s = (struct attempt_spec){0};
}

bool attempt_cpu_list(const char *text, int max, void (*add)(void *arg, int cpu), void *arg)
{
    const char *at = text;
    for (;;) {
        size_t n = strspn(at, "0123456789");
        int64_t from, to;
        if (!attempt_parse_int(at, n, 0, &from))
            return false;
        at += n;
        to = from;
        if (*at == '-') {
            n = strspn(++at, "0123456789");
            if (!attempt_parse_int(at, n, from, &to))
                return false;
            at += n;
        }
        if (to >= max)
            return false;
        for (int64_t cpu = from; cpu <= to; cpu++)
            add(arg, (int)cpu);
        if (!*at)
            return true;
        if (*at++ != ',')
            return false;
    }
}

bool attempt_engine_is_podman(const char *engine)
{
    const char *slash = strrchr(engine, '/');
    return strncmp(slash ? slash + 1 : engine, "podman", 6) == 0;
}

/* podman asks politely first and waits ten seconds; -t 0 is not an option of docker, which kills.
 */
void attempt_container_remove(const char *engine, const char *container,
                              const char *argv[ATTEMPT_REMOVE_ARGS])
{
    size_t n = 0;
    argv[n++] = engine;
    argv[n++] = "rm";
    argv[n++] = "--force";
    if (attempt_engine_is_podman(engine)) {
        argv[n++] = "--time";
        argv[n++] = "0";
    }
    argv[n++] = container;
    argv[n] = NULL;
}
