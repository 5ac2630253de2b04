/* Bodies that are not JSON: a form that names a recipe, and a script with #CAIL lines. Both become
 * the JSON object that a client could have sent, so there is one set of rules. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "wire/decode.h"

int64_t duration_s(const char *text)
{
    char *end;
    if (*text < '0' || *text > '9')
        return -1;
    long long n = strtoll(text, &end, 10);
    if (n > JOB_TIMEOUT_MAX_S * 10LL)
        return -1;
    if (!*end || strcmp(end, "s") == 0)
        return n;
    if (strcmp(end, "m") == 0)
        return n * 60;
    if (strcmp(end, "h") == 0)
        return n * 3600;
    return strcmp(end, "d") == 0 ? n * 86400 : -1;
}

/* A whole decimal number? Then an integer, else the text. */
static json_t *number_or_text(const char *text)
{
    char *end;
    long long n = strtoll(text, &end, 10);
    bool whole = *text && !*end && (*text == '-' || (*text >= '0' && *text <= '9'));
    return whole && strlen(text) < 18 ? json_integer(n) : json_string(text);
}

/* Set "a.b" = v in the object `root`; an existing scalar on the way is an error of the client. */
static int set_dotted(json_t *root, const char *key, json_t *v, struct cail_err *err)
{
    const char *dot = strchr(key, '.');
    if (!dot) {
        json_object_set_new(root, key, v);
        return 0;
    }
    CLEANUP(mem_freep) char *folder = mem_strndup(key, (size_t)(dot - key));
    json_t *object = json_object_get(root, folder);
    if (!object) {
        object = json_object();
        json_object_set_new(root, folder, object);
    }
    if (!json_is_object(object) || !dot[1]) {
        json_decref(v);
        return err_set(err, E_BAD_FIELD, "the form says \"%.60s\" both as a value and as a folder",
                       folder);
    }
    json_object_set_new(object, dot + 1, v);
    return 0;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decode p[len] (with '+' = blank); NULL on a bad escape, a NUL or bad UTF-8. */
static char *form_decode(const char *p, size_t len)
{
    char *out = mem_array(len + 1, 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = p[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            bool whole = i + 2 < len;
            int high = whole ? hex(p[i + 1]) : -1, low = whole ? hex(p[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0)) {
                free(out);
                return NULL;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[n++] = c;
    }
    if (utf8_valid(out, n) && strlen(out) == n)
        return out;
    free(out);
    return NULL;
}

static int add_pair(json_t *root, const char *p, size_t len, struct cail_err *err)
{
    static const char *const refused[] = {"command", "script", "env", "matrix", "container"};
    const char *eq = memchr(p, '=', len);
    if (!eq)
        return err_set(err, E_BAD_REQUEST, "the form has a field without '='");
    CLEANUP(mem_freep) char *key = form_decode(p, (size_t)(eq - p));
    CLEANUP(mem_freep) char *value = form_decode(eq + 1, len - (size_t)(eq - p) - 1);
    if (!key || !value || !*key)
        return err_set(err, E_BAD_REQUEST,
                       "the form has a field that is not percent-encoded UTF-8");
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        size_t n = strlen(refused[i]);
        if (strncmp(key, refused[i], n) == 0 && (!key[n] || key[n] == '.'))
            return err_set(
                err, E_BAD_FIELD,
                "a form names a recipe, its parameters and options; for \"%s\" send JSON "
                "(curl --json) or a script (Content-Type: text/x-shellscript)",
                refused[i]);
    }
    bool text = strncmp(key, "params.", 7) == 0 || strncmp(key, "labels.", 7) == 0 ||
                strcmp(key, "name") == 0 || strcmp(key, "needs.gpu_uuid") == 0;
    bool truth = strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
    json_t *v = text    ? json_string(value)
                : truth ? json_boolean(value[0] == 't')
                        : number_or_text(value);
    return set_dotted(root, key, v, err);
}

int submission_from_form(const char *body, size_t len, struct submission *ret, struct cail_err *err)
{
    CLEANUP(json_decrefp) json_t *root = json_object();
    while (len) {
        const char *amp = memchr(body, '&', len);
        size_t n = amp ? (size_t)(amp - body) : len;
        int rc = n ? add_pair(root, body, n, err) : 0;
        if (rc)
            return rc;
        body += n + (amp != NULL);
        len -= n + (amp != NULL);
    }
    return submission_from_value(root, ret, err);
}

int submission_from_script(const char *body, size_t len, struct submission *ret,
                           struct cail_err *err)
{
    if (!len || memchr(body, 0, len) || !utf8_valid(body, len))
        return err_set(err, E_BAD_REQUEST, "a script is UTF-8 text without NUL bytes");
    CLEANUP(json_decrefp) json_t *root = json_object();
    json_object_set_new(root, "script", json_stringn(body, len));
    return submission_from_value(root, ret, err);
}

/* --- "#CAIL --gpus 2 --timeout 2h" --- */

enum option_type { OPT_NUMBER, OPT_TEXT, OPT_DURATION, OPT_PAIR, OPT_AFTER };
static const struct {
    const char *name, *key;
    enum option_type type;
} options[] = {
    {"--name", "name", OPT_TEXT},
    {"--kind", "kind", OPT_TEXT},
    {"--queue", "queue", OPT_TEXT},
    {"--priority", "priority", OPT_NUMBER},
    {"--cpus", "needs.cpus", OPT_NUMBER},
    {"--gpus", "needs.gpus", OPT_NUMBER},
    {"--gpu-model", "needs.gpu_model", OPT_TEXT},
    {"--gpu-uuid", "needs.gpu_uuid", OPT_TEXT},
    {"--gpu-memory", "needs.gpu_memory_mib", OPT_NUMBER},
    {"--memory", "needs.memory_mib", OPT_NUMBER},
    {"--exclusive", "needs.exclusive", OPT_TEXT},
    {"--timeout", "timeout_s", OPT_DURATION},
    {"--idle-timeout", "idle_timeout_s", OPT_DURATION},
    {"--max-wait", "max_wait_s", OPT_DURATION},
    {"--retry", "retry.max_attempts", OPT_NUMBER},
    {"--not-before", "not_before", OPT_TEXT},
    {"--pr", "pr", OPT_TEXT},
    {"--cwd", "cwd", OPT_TEXT},
    {"--ports", "needs.ports", OPT_NUMBER},
    {"--image", "container.image", OPT_TEXT},
    {"--network", "container.network", OPT_TEXT},
    {"--engine", "container.engine", OPT_TEXT},
    {"--shm", "container.shm_mib", OPT_NUMBER},
    {"--label", "labels", OPT_PAIR},
    {"--after", "after", OPT_AFTER},
};

static bool says(json_t *request, const char *key)
{
    const char *dot = strchr(key, '.');
    if (!dot)
        return json_object_get(request, key) != NULL;
    CLEANUP(mem_freep) char *folder = mem_strndup(key, (size_t)(dot - key));
    return json_object_get(json_object_get(request, folder), dot + 1) != NULL;
}

static json_t *object_or_array_at(json_t *request, const char *key, json_t *(*make)(void))
{
    if (!json_object_get(request, key))
        json_object_set_new(request, key, make());
    return json_object_get(request, key);
}

/* value "11" or "11:finished" */
static void add_after(json_t *request, const char *value)
{
    const char *colon = strchr(value, ':');
    CLEANUP(mem_freep)
    char *id = mem_strndup(value, colon ? (size_t)(colon - value) : strlen(value));
    json_t *one = json_object();
    json_object_set_new(one, "job", number_or_text(id));
    if (colon)
        json_object_set_new(one, "when", json_string(colon + 1));
    json_array_append_new(object_or_array_at(request, "after", json_array), one);
}

/* value "name=value", eq its '='. The request's own label wins. */
static void add_label(json_t *request, const char *value, const char *eq)
{
    CLEANUP(mem_freep) char *name = mem_strndup(value, (size_t)(eq - value));
    json_t *labels = object_or_array_at(request, "labels", json_object);
    if (!json_object_get(labels, name))
        json_object_set_new(labels, name, json_string(eq + 1));
}

static int apply_option(json_t *request, const char *name, const char *value, int line,
                        struct cail_err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (strcmp(name, options[i].name) != 0)
            continue;
        const char *key = options[i].key, *eq = strchr(value, '=');
        switch (options[i].type) {
        case OPT_AFTER:
            add_after(request, value);
            return 0;
        case OPT_PAIR:
            if (!eq || eq == value)
                return err_set(err, E_BAD_FIELD, "script line %d: %s wants name=value", line, name);
            add_label(request, value, eq);
            return 0;
        case OPT_DURATION:
            if (duration_s(value) < 0)
                return err_set(err, E_BAD_FIELD, "script line %d: \"%s\" is no duration such as 2h",
                               line, value);
            if (!says(request, key))
                json_object_set_new(request, key, json_integer(duration_s(value)));
            return 0;
        case OPT_NUMBER:
        case OPT_TEXT:
            break;
        }
        if (says(request, key))
            return 0; /* the request itself wins */
        bool number = options[i].type == OPT_NUMBER;
        return set_dotted(request, key, number ? number_or_text(value) : json_string(value), err);
    }
    return err_set(err, E_BAD_FIELD, "script line %d: \"%.60s\" is no option of a #CAIL line", line,
                   name);
}

static int apply_line(json_t *request, const char *p, size_t len, int line, struct cail_err *err)
{
    CLEANUP(mem_freep) char *text = mem_strndup(p, len);
    char *save = NULL;
    for (char *name = strtok_r(text, " \t\r", &save); name; name = strtok_r(NULL, " \t\r", &save)) {
        char *value = strchr(name, '=');
        if (value)
            *value++ = 0;
        else
            value = strtok_r(NULL, " \t\r", &save);
        if (!value)
            return err_set(err, E_BAD_FIELD, "script line %d: %s wants a value", line, name);
        int rc = apply_option(request, name, value, line, err);
        if (rc)
            return rc;
    }
    return 0;
}

int script_options(json_t *request, const char *script, struct cail_err *err)
{
    int line = 1;
    for (const char *p = script; *p; line++) {
        const char *end = strchrnul(p, '\n');
        if (strncmp(p, "#CAIL", 5) == 0 && (p[5] == ' ' || p[5] == '\t')) {
            int rc = apply_line(request, p + 5, (size_t)(end - p) - 5, line, err);
            if (rc)
                return rc;
        }
        p = *end ? end + 1 : end;
    }
    return 0;
}
