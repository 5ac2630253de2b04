/* What every verb needs: errors, targets, JSON with defaults. */
#include "cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fmt.h"
#include "term.h"
#include "verbs.h"

static _Noreturn void out_of_memory(void)
{
    static const char text[] = "cail: out of memory\n";
    term_write(STDERR_FILENO, text, sizeof text - 1);
    _exit(EXIT_UNREACHABLE);
}

char *cli_take(struct cail_buf *b)
{
    char *p = cail_buf_take(b);
    if (p == NULL)
        out_of_memory();
    return p;
}

void *cli_alloc(size_t n, size_t size)
{
    void *p = calloc(n > 0 ? n : 1, size);
    if (p == NULL)
        out_of_memory();
    return p;
}

json_t *cli_json(json_t *made)
{
    if (made == NULL)
        out_of_memory();
    return made;
}

static void say(const char *lead, const char *fmt, va_list ap, const char *tail)
    __attribute__((format(printf, 2, 0)));
static void say(const char *lead, const char *fmt, va_list ap, const char *tail)
{
    char *text = NULL;
    struct cail_buf b = CAIL_BUF_INIT;
    if (vasprintf(&text, fmt, ap) < 0)
        out_of_memory();
    cail_buf_addf(&b, "cail%s: %s\n%s", lead, text, tail);
    free(text);
    char *line = cli_take(&b);
    term_puts(STDERR_FILENO, line);
    free(line);
}

void cli_say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say("", fmt, ap, "");
    va_end(ap);
}

int cli_usage(const struct cli *cli, const char *fmt, ...)
{
    struct cail_buf lead = CAIL_BUF_INIT, tail = CAIL_BUF_INIT;
    const char *name = cli->verb != NULL ? cli->verb->name : "";
    cail_buf_addf(&lead, "%s%s", name[0] != '\0' ? " " : "", name);
    cail_buf_addf(&tail, "Try: cail%s --help\n", lead.p);
    va_list ap;
    va_start(ap, fmt);
    say(lead.p, fmt, ap, tail.p);
    va_end(ap);
    cail_buf_done(&lead);
    cail_buf_done(&tail);
    return EXIT_USAGE;
}

static void say_errors(const json_t *errors)
{
    for (size_t i = 0; i < json_array_size(errors) && i < 20; i++) {
        const json_t *e = json_array_get(errors, i);
        char *pointer = term_clean(js_text(e, "pointer")),
             *detail = term_clean(js_text(e, "detail"));
        struct cail_buf b = CAIL_BUF_INIT;
        cail_buf_addf(&b, "  %s: %s\n", pointer[0] != '\0' ? pointer : "/", detail);
        char *line = cli_take(&b);
        term_puts(STDERR_FILENO, line);
        free(line);
        free(pointer);
        free(detail);
    }
}

int cli_failed(const struct cli *cli)
{
    int code = cail_exit_code(cli->c);
    struct cail_problem p = cail_problem(cli->c);
    /* With one bad field the detail is what stands at the field. */
    bool said = p.detail[0] != '\0' &&
                strcmp(p.detail, js_text(json_array_get(p.errors, 0), "detail")) == 0;
    char *message = term_clean(said ? p.title : cail_message(cli->c));
    cli_say("%s", message);
    say_errors(p.errors);
    const char *next = p.hint;
    if (next[0] == '\0' && strncmp(cail_message(cli->c), "cannot reach", 12) == 0)
        next = "start it with ./lab up, or say where it is with --url or CAIL_URL; cail doctor "
               "checks more";
    else if (next[0] == '\0' && strcmp(p.code, "commit_unknown") == 0)
        next = "look with `cail ls` whether it is there; the daemon says in its log what failed";
    else if (next[0] == '\0' && code == 77)
        next = "only the user that runs cail-d may do that; others need a token (CAIL_TOKEN)";
    if (next[0] != '\0') {
        char *clean = term_clean(next);
        term_puts(STDERR_FILENO, "  -> ");
        term_puts(STDERR_FILENO, clean);
        term_puts(STDERR_FILENO, "\n");
        free(clean);
    }
    free(message);
    return code;
}

int cli_call(const struct cli *cli, const char *method, char *path, json_t *body,
             struct cail_reply *ret)
{
    if (path == NULL)
        out_of_memory();
    int rc = cail_call(cli->c, method, path, body, ret);
    free(path);
    json_decref(body);
    return rc == CAIL_OK ? 0 : cli_failed(cli);
}

int cli_send(const struct cli *cli, const char *method, char *path, json_t *body)
{
    struct cail_reply r;
    int code = cli_call(cli, method, path, cli_json(body), &r);
    if (code != 0)
        return code;
    if (cli->json)
        cli_print_json(&r);
    cail_reply_done(&r);
    return 0;
}

int cli_get(const struct cli *cli, char *path, struct cail_reply *ret, bool *ret_done)
{
    int code = cli_call(cli, "GET", path, NULL, ret);
    *ret_done = code != 0 || cli->json;
    if (code == 0 && cli->json)
        cli_print_json(ret);
    if (*ret_done)
        cail_reply_done(ret);
    return code;
}

void cli_put(const char *data, size_t len)
{
    if (!term.out_tty) {
        term_write(STDOUT_FILENO, data, len);
        return;
    }
    struct term_filter f = {0};
    struct cail_buf b = CAIL_BUF_INIT;
    term_filter(&f, data, len, &b);
    char *text = cli_take(&b);
    term_puts(STDOUT_FILENO, text);
    free(text);
}

void cli_print_json(const struct cail_reply *r)
{
    cli_put(r->text, r->len);
    if (r->len == 0 || r->text[r->len - 1] != '\n')
        term_puts(STDOUT_FILENO, "\n");
}

void cli_print_doc(const json_t *doc, size_t flags)
{
    struct cail_reply r = {.text = json_dumps(doc, flags)};
    if (r.text == NULL)
        out_of_memory();
    r.len = strlen(r.text);
    cli_print_json(&r);
    free(r.text);
}

void cli_put_line(struct cail_buf *b)
{
    char *text = cli_take(b), *clean = term_clean(text);
    cli_put(clean, strlen(clean));
    cli_put("\n", 1);
    free(clean);
    free(text);
}

/* --- targets --- */

static bool read_target(const char *word, bool plain_is_group, struct target *ret)
{
    ret->group = plain_is_group;
    if (word[0] == 'g' || word[0] == 'G') {
        ret->group = true;
        word++;
    } else if (word[0] == '#') {
        word++;
    }
    return word[0] >= '0' && word[0] <= '9' && fmt_read_int(word, 1, INT64_MAX, &ret->id);
}

static void add_target(struct target **list, size_t *n, struct target t)
{
    *list = reallocarray(*list, *n + 1, sizeof **list);
    if (*list == NULL)
        out_of_memory();
    (*list)[(*n)++] = t;
}

/* "12,13": every part of one word. */
static bool add_parts(const char *word, bool plain_is_group, struct target **list, size_t *n)
{
    while (true) {
        size_t len = strcspn(word, ",");
        char *part = strndup(word, len);
        struct target t;
        bool ok = part != NULL && read_target(part, plain_is_group, &t);
        free(part);
        if (!ok)
            return false;
        add_target(list, n, t);
        if (word[len] == '\0')
            return true;
        word += len + 1;
    }
}

int cli_targets(const struct cli *cli, size_t first, bool plain_is_group, struct target **ret,
                size_t *ret_n)
{
    bool group = plain_is_group;
    *ret = NULL;
    *ret_n = 0;
    for (size_t i = first; i < cli->args.n_words; i++) {
        const char *word = cli->args.word[i];
        bool last = i + 1 == cli->args.n_words;
        if (!last && (strcmp(word, "group") == 0 || strcmp(word, "job") == 0)) {
            group = word[0] == 'g';
            continue;
        }
        if (!add_parts(word, group, ret, ret_n)) {
            char *clean = term_clean(word);
            int code = cli_usage(cli, "%s is no id: a job is 12, a group is g5", clean);
            free(clean);
            free(*ret);
            *ret = NULL;
            return code;
        }
        group = plain_is_group;
    }
    return *ret_n > 0 ? 0 : cli_usage(cli, "which one? Name an id; cail ls lists them");
}

static int newest_job(const struct cli *cli, int64_t *ret_id)
{
    struct cail_reply r;
    int code = cli_call(cli, "GET", cail_path("/jobs?limit=1"), NULL, &r);
    if (code != 0)
        return code;
    *ret_id = js_int(json_array_get(json_object_get(r.json, "jobs"), 0), "id", 0);
    cail_reply_done(&r);
    if (*ret_id > 0)
        return 0;
    cli_say("there is no job yet: try cail run env-check");
    return EXIT_REFUSED;
}

int cli_one_job(const struct cli *cli, int64_t *ret_id)
{
    struct target *targets;
    size_t n;
    if (cli->args.n_words == 0)
        return newest_job(cli, ret_id);
    int code = cli_targets(cli, 0, false, &targets, &n);
    if (code != 0)
        return code;
    if (n != 1 || targets[0].group)
        code = cli_usage(cli, "one job, please");
    else
        *ret_id = targets[0].id;
    free(targets);
    return code;
}

/* --- small things --- */

#define RESEMBLES_MAX 32

bool cli_resembles(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b), row[RESEMBLES_MAX + 1];
    if (na == 0 || na > RESEMBLES_MAX || nb > RESEMBLES_MAX)
        return false;
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) { /* Levenshtein's distance, one row at a time */
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[nb] <= (na < 5 ? 1u : 2u);
}

const char *js_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

int64_t js_int(const json_t *object, const char *key, int64_t dflt)
{
    const json_t *v = json_object_get(object, key);
    return json_is_integer(v) ? json_integer_value(v) : dflt;
}

double js_real(const json_t *object, const char *key, double dflt)
{
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : dflt;
}

bool js_null(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return v == NULL || json_is_null(v);
}

char *js_pairs(const json_t *object)
{
    struct cail_buf b = CAIL_BUF_INIT;
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)(const void *)object, key, v) {
        char *text =
            json_is_string(v) ? strdup(json_string_value(v)) : json_dumps(v, JSON_ENCODE_ANY);
        cail_buf_addf(&b, "%s%s=%s", b.len > 0 ? " " : "", key, text != NULL ? text : "");
        free(text);
    }
    return cli_take(&b);
}
