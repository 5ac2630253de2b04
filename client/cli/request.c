#include "request.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "container.h"
#include "fmt.h"
#include "range.h"
#include "script.h"
#include "term.h"
#include "verbs.h"

extern char **environ;

enum value { TEXT, INTEGER, CPUS, DURATION, MIB, DIRECTORY };

/* Options that are one member of the body. */
static const struct member {
    const char *option, *folder, *key; /* folder NULL = at the top */
    enum value value;
    bool common; /* `edit` knows it too */
} members[] = {
    {"name", NULL, "name", TEXT, true},
    {"queue", NULL, "queue", TEXT, true},
    {"priority", NULL, "priority", INTEGER, true},
    {"timeout", NULL, "timeout_s", DURATION, true},
    {"cpus", "needs", "cpus", CPUS, true},
    {"gpus", "needs", "gpus", INTEGER, true},
    {"gpu-model", "needs", "gpu_model", TEXT, true},
    {"gpu-uuid", "needs", "gpu_uuid", TEXT, true},
    {"gpu-memory", "needs", "gpu_memory_mib", MIB, true},
    {"memory", "needs", "memory_mib", MIB, true},
    {"exclusive", "needs", "exclusive", TEXT, true},
    {"kind", NULL, "kind", TEXT, false},
    {"idle-timeout", NULL, "idle_timeout_s", DURATION, false},
    {"max-wait", NULL, "max_wait_s", DURATION, false},
    {"retry", "retry", "max_attempts", INTEGER, false},
    {"ref", "source", "ref", TEXT, false},
    {"pr", NULL, "pr", TEXT, false},
    {"build-root", NULL, "build_root", DIRECTORY, false},
    {"cwd", NULL, "cwd", DIRECTORY, false},
    {"ports", "needs", "ports", INTEGER, false},
};

/* What of the shell's environment a command or script gets without being asked. */
static const char *const passed_on[] = {
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "TMPDIR",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "CUDA_HOME",
    "LD_LIBRARY_PATH",
    "CC",
    "CXX",
    "CCACHE_DIR",
    "CCACHE_BASEDIR",
    "CCACHE_CONFIGPATH",
    "SCCACHE_DIR",
    "SCCACHE_CONF",
};

/* json_string gives NULL for what is not UTF-8: every value below is checked for it. */

/* A path as the daemon has to see it: absolute. */
static json_t *absolute(const char *path)
{
    struct cail_buf b = CAIL_BUF_INIT;
    char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
    if (here != NULL && strcmp(path, ".") != 0)
        cail_buf_addf(&b, "%s/%s", here, strncmp(path, "./", 2) == 0 ? path + 2 : path);
    else
        cail_buf_adds(&b, here != NULL ? here : path);
    free(here);
    char *text = cli_take(&b);
    json_t *v = json_string(text);
    free(text);
    return v;
}

static json_t *read_value(const struct member *m, const char *text)
{
    int64_t n;
    switch (m->value) {
    case CPUS:
        if (strcmp(text, "all") == 0)
            return json_string("all");
        return fmt_read_int(text, 0, INT32_MAX, &n) ? json_integer(n) : NULL;
    case INTEGER:
        return fmt_read_int(text, INT32_MIN, INT32_MAX, &n) ? json_integer(n) : NULL;
    case DURATION:
        return fmt_read_duration(text, &n) ? json_integer(n) : NULL;
    case MIB:
        return fmt_read_mib(text, &n) ? json_integer(n) : NULL;
    case DIRECTORY:
        return absolute(text);
    case TEXT:
        break;
    }
    return json_string(text);
}

static json_t *folder(json_t *body, const char *name)
{
    json_t *f = json_object_get(body, name);
    if (f == NULL) {
        f = cli_json(json_object());
        json_object_set_new(body, name, f);
    }
    return f;
}

static int bad_value(const struct cli *cli, const char *option, const char *value, const char *want)
{
    char *clean = term_clean(value);
    int code = cli_usage(cli, "--%s %s: wants %s", option, clean, want);
    free(clean);
    return code;
}

static int set_members(struct cli *cli, json_t *body, bool common_only)
{
    static const char *const want[] = {
        [TEXT] = "UTF-8 text",
        [INTEGER] = "a whole number",
        [CPUS] = "a whole number or `all`",
        [DURATION] = "a time such as 30s, 90m, 2h or 1d",
        [MIB] = "a size such as 512M or 4G",
        [DIRECTORY] = "a path",
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const struct member *m = &members[i];
        const char *text = args_value(&cli->args, m->option);
        if (text == NULL || (common_only && !m->common))
            continue;
        json_t *v = read_value(m, text);
        if (v == NULL)
            return bad_value(cli, m->option, text, want[m->value]);
        json_object_set_new(m->folder != NULL ? folder(body, m->folder) : body, m->key, v);
    }
    return 0;
}

/* Each "KEY=VALUE" of an option into an object. bare: what a word without '=' means, NULL = wrong.
 */
static int set_pairs(struct cli *cli, const char *option, json_t *object,
                     const char *(*bare)(const char *key))
{
    size_t at = 0;
    const char *word;
    while ((word = args_next(&cli->args, option, &at)) != NULL) {
        const char *equals = strchr(word, '=');
        const char *value = equals != NULL ? equals + 1 : bare != NULL ? bare(word) : NULL;
        char *key = strndup(word, equals != NULL ? (size_t)(equals - word) : strlen(word));
        json_t *v = value != NULL && key != NULL && key[0] != '\0' ? json_string(value) : NULL;
        bool ok = v != NULL && json_object_set_new(object, key, v) == 0;
        free(key);
        if (!ok)
            return bad_value(cli, option, word,
                             bare != NULL ? "NAME=VALUE, or a NAME that is set in this shell"
                                          : "NAME=VALUE");
    }
    return 0;
}

int request_common(struct cli *cli, json_t *body)
{
    int code = set_members(cli, body, true);
    if (code == 0 && args_flag(&cli->args, "label"))
        code = set_pairs(cli, "label", folder(body, "labels"), NULL);
    return code;
}

static const char *shell_value(const char *key)
{
    return getenv(key);
}

static void add_environment(json_t *env)
{
    for (size_t i = 0; i < sizeof passed_on / sizeof passed_on[0]; i++) {
        const char *value = getenv(passed_on[i]);
        if (value != NULL)
            json_object_set_new(env, passed_on[i], json_string(value)); /* not UTF-8: left out */
    }
    for (char **e = environ; *e != NULL; e++) {
        const char *equals = strchr(*e, '=');
        if (strncmp(*e, "LC_", 3) != 0 || equals == NULL)
            continue;
        char *key = strndup(*e, (size_t)(equals - *e));
        if (key != NULL)
            json_object_set_new(env, key, json_string(equals + 1));
        free(key);
    }
}

/* Commands and scripts run as if here: cwd and a part of the environment go along. In a container
 * neither would mean anything. */
static int set_surroundings(struct cli *cli, json_t *body, bool is_recipe)
{
    is_recipe = is_recipe || args_flag(&cli->args, "image");
    if (!is_recipe && json_object_get(body, "cwd") == NULL)
        json_object_set_new(body, "cwd", absolute("."));
    if (!is_recipe && !args_flag(&cli->args, "clean-env"))
        add_environment(folder(body, "env"));
    return args_flag(&cli->args, "env") ? set_pairs(cli, "env", folder(body, "env"), shell_value)
                                        : 0;
}

/* "11", "11:finished", "11,12:ready" */
static int set_after(struct cli *cli, json_t *body)
{
    size_t at = 0;
    const char *word;
    while ((word = args_next(&cli->args, "after", &at)) != NULL) {
        json_t *list = json_object_get(body, "after");
        if (list == NULL)
            json_object_set_new(body, "after", list = cli_json(json_array()));
        for (const char *p = word; p != NULL;
             p = strchr(p, ',') != NULL ? strchr(p, ',') + 1 : NULL) {
            size_t len = strcspn(p, ","), id_len = strcspn(p, ":,");
            char *id = strndup(p, id_len);
            char *when =
                id_len < len ? strndup(p + id_len + 1, len - id_len - 1) : strdup("succeeded");
            int64_t n = 0;
            bool ok = id != NULL && when != NULL && fmt_read_int(id, 1, INT64_MAX, &n);
            if (ok)
                ok = json_array_append_new(
                         list, json_pack("{s:I,s:s}", "job", (json_int_t)n, "when", when)) == 0;
            free(id);
            free(when);
            if (!ok)
                return bad_value(cli, "after", word, "ID or ID:succeeded|failed|finished|ready");
        }
    }
    return 0;
}

/* A list of words between commas. */
static json_t *comma_list(const char *text)
{
    json_t *list = cli_json(json_array());
    while (true) {
        size_t len = strcspn(text, ",");
        if (json_array_append_new(list, json_stringn(text, len)) != 0) {
            json_decref(list);
            return NULL;
        }
        if (text[len] == '\0')
            return list;
        text += len + 1;
    }
}

static int set_matrix(struct cli *cli, json_t *body)
{
    const char *parallel = args_value(&cli->args, "max-parallel"), *word;
    bool fail_fast = args_flag(&cli->args, "fail-fast");
    size_t at = 0;
    while ((word = args_next(&cli->args, "matrix", &at)) != NULL) {
        const char *equals = strchr(word, '=');
        if (equals == NULL || (strncmp(word, "params.", 7) != 0 && strncmp(word, "env.", 4) != 0))
            return bad_value(cli, "matrix", word, "params.NAME=A,B,C or env.NAME=A,B,C");
        char *axis = strndup(word, (size_t)(equals - word));
        json_t *values = comma_list(equals + 1);
        bool ok = axis != NULL && values != NULL &&
                  json_object_set_new(folder(body, "matrix"), axis, values) == 0;
        free(axis);
        if (!ok)
            return bad_value(cli, "matrix", word, "UTF-8 text");
    }
    int range = range_axis(cli, body);
    if (range != 0)
        return range;
    json_t *matrix = json_object_get(body, "matrix");
    if (matrix == NULL)
        return parallel != NULL || fail_fast
                   ? cli_usage(cli, "--max-parallel and --fail-fast belong to a --matrix or --range")
                   : 0;
    int64_t n;
    if (parallel != NULL && !fmt_read_int(parallel, 1, 1000, &n))
        return bad_value(cli, "max-parallel", parallel, "1 to 1000");
    if (parallel != NULL)
        json_object_set_new(matrix, "max_parallel", json_integer(n));
    if (fail_fast)
        json_object_set_new(matrix, "fail_fast", json_true());
    return 0;
}

static int set_artifacts(struct cli *cli, json_t *body)
{
    size_t at = 0;
    const char *word;
    while ((word = args_next(&cli->args, "artifact", &at)) != NULL) {
        json_t *list = json_object_get(body, "artifacts");
        if (list == NULL)
            json_object_set_new(body, "artifacts", list = cli_json(json_array()));
        size_t len = strlen(word);
        bool diff = len > 5 && strcmp(word + len - 5, ":diff") == 0;
        json_t *one =
            json_pack("{s:s%,s:b}", "path", word, diff ? len - 5 : len, "diff", (int)diff);
        if (one == NULL)
            return bad_value(cli, "artifact", word, "a path in UTF-8");
        json_array_append_new(list, one);
    }
    return 0;
}

/* "+2h", or a time as the daemon takes it. */
static int set_not_before(struct cli *cli, json_t *body)
{
    const char *text = args_value(&cli->args, "not-before");
    char at[FMT_MAX];
    int64_t s;
    if (text == NULL)
        return 0;
    if (text[0] == '+') {
        if (!fmt_read_duration(text + 1, &s))
            return bad_value(cli, "not-before", text, "+2h or 2030-01-31T08:00:00Z");
        text = fmt_time(fmt_now_ms() + s * 1000, at);
    } else if (fmt_read_time_ms(text) < 0) {
        return bad_value(cli, "not-before", text, "+2h or 2030-01-31T08:00:00Z");
    }
    json_object_set_new(body, "not_before", json_string(text));
    return 0;
}

static int set_retry_on(struct cli *cli, json_t *body)
{
    const char *text = args_value(&cli->args, "retry-on");
    if (text == NULL)
        return 0;
    if (json_object_get(body, "retry") == NULL)
        return cli_usage(cli, "--retry-on belongs to a --retry N");
    json_object_set_new(folder(body, "retry"), "on", comma_list(text));
    return 0;
}

static int set_options(struct cli *cli, json_t *body, bool is_recipe)
{
    int code = set_members(cli, body, false);
    if (code == 0 && args_flag(&cli->args, "label"))
        code = set_pairs(cli, "label", folder(body, "labels"), NULL);
    if (code == 0)
        code = container_members(cli, body);
    if (code == 0)
        code = set_surroundings(cli, body, is_recipe);
    if (code == 0)
        code = set_after(cli, body);
    if (code == 0)
        code = set_matrix(cli, body);
    if (code == 0)
        code = set_artifacts(cli, body);
    if (code == 0)
        code = set_not_before(cli, body);
    if (code == 0)
        code = set_retry_on(cli, body);
    if (code == 0 && args_flag(&cli->args, "hold"))
        json_object_set_new(body, "hold", json_true());
    return code;
}

int request_rest(struct cli *cli, json_t *body, bool is_recipe)
{
    int code = set_members(cli, body, false);
    return code == 0 ? set_surroundings(cli, body, is_recipe) : code;
}

int request_pairs(struct cli *cli, const char *option, json_t *object)
{
    return set_pairs(cli, option, object, NULL);
}

/* --- what is to run --- */

/* program NULL = words[0] is it. */
static int set_command(struct cli *cli, json_t *body, const char *program,
                       const char *const words[], size_t n)
{
    json_t *list = cli_json(json_array());
    bool ok = true;
    if (program != NULL)
        ok = json_array_append_new(list, absolute(program)) == 0;
    for (size_t i = 0; i < n; i++)
        ok = ok && json_array_append_new(list, json_string(words[i])) == 0;
    json_object_set_new(body, "command", list);
    return ok ? 0 : cli_usage(cli, "the command is not UTF-8 text");
}

/* Options of the script go before those of the command line, which win by coming later. */
static int options_of_script(struct cli *cli, struct script *s)
{
    const struct opt *const tables[] = {opts_request, NULL};
    struct args both = {0};
    char *wrong = args_parse(&both, tables, (const char *const *)(void *)s->words, s->n_words);
    if (wrong == NULL && (both.n_words > 0 || both.rest != NULL))
        wrong = strdup("a #CAIL line holds options only");
    if (wrong != NULL) {
        char *clean = term_clean(wrong);
        int code = cli_usage(cli, "in a #CAIL line: %s", clean);
        free(clean);
        free(wrong);
        args_done(&both);
        return code;
    }
    args_merge(&both, &cli->args);
    free(cli->args.given);
    cli->args.given = both.given;
    cli->args.n_given = both.n_given;
    cli->args.cap_given = both.cap_given;
    free(both.word);
    cli->args.owned = s->words;
    cli->args.n_owned = s->n_words;
    s->words = NULL;
    s->n_words = 0;
    return 0;
}

static int from_script(struct cli *cli, json_t *body)
{
    const struct args *a = &cli->args;
    const char *path = a->word[0];
    size_t n = a->n_words - 1 + a->n_rest;
    const char **args = cli_alloc(n, sizeof *args);
    for (size_t i = 0; i < n; i++)
        args[i] = i < a->n_words - 1 ? a->word[i + 1] : a->rest[i - (a->n_words - 1)];
    struct script s;
    char *wrong = script_read(&s, path, args, n);
    int code = 0;
    if (wrong != NULL) {
        char *clean = term_clean(wrong);
        code = cli_usage(cli, "%s", clean);
        free(clean);
        free(wrong);
    } else {
        if (s.program)
            code = set_command(cli, body, path, args, n);
        else
            json_object_set_new(body, "script", cli_json(json_stringn(s.text, s.len)));
        const char *slash = strrchr(path, '/');
        if (strcmp(path, "-") != 0)
            json_object_set_new(body, "name", json_string(slash != NULL ? slash + 1 : path));
        if (code == 0)
            code = options_of_script(cli, &s);
        if (code == 0)
            code = set_options(cli, body, false);
    }
    free(args);
    script_done(&s);
    return code;
}

static int from_recipe(struct cli *cli, json_t *body)
{
    const struct args *a = &cli->args;
    const char *name = a->word[0];
    char *clean = term_clean(name);
    int code = 0;
    if (strchr(name, '/') != NULL)
        code = cli_usage(cli, "there is no file %s", clean);
    else if (a->n_words > 1 || a->rest != NULL)
        code = cli_usage(cli,
                         "the recipe %s takes parameters as -p NAME=VALUE; to run a command write "
                         "cail %s -- %s ...",
                         clean, cli->verb->name, clean);
    else if (json_object_set_new(body, "recipe", json_string(name)) != 0)
        code = cli_usage(cli, "%s is not UTF-8 text", clean);
    if (code == 0 && access(name, F_OK) == 0)
        cli_say("%s is taken as a recipe; for the file in this folder write ./%s", clean, clean);
    free(clean);
    if (code == 0 && args_flag(&cli->args, "param"))
        code = set_pairs(cli, "param", folder(body, "params"), NULL);
    return code == 0 ? set_options(cli, body, true) : code;
}

int request_build(struct cli *cli, json_t **ret)
{
    const struct args *a = &cli->args;
    json_t *body = cli_json(json_object());
    bool recipe = a->n_words > 0 && !script_is_meant(a->word[0]);
    int code;
    if (!recipe && args_flag(a, "param")) {
        code =
            cli_usage(cli, "-p belongs to a recipe; a script gets arguments, or --env NAME=VALUE");
    } else if (recipe) {
        code = from_recipe(cli, body);
    } else if (a->n_words > 0) {
        code = from_script(cli, body);
    } else if (a->n_rest > 0) {
        code = set_command(cli, body, NULL, a->rest, a->n_rest);
        if (code == 0)
            code = set_options(cli, body, false);
    } else {
        code = cli_usage(cli, "what? A recipe, ./script.sh, - or -- and a command");
    }
    if (code != 0) {
        json_decref(body);
        body = NULL;
    }
    *ret = body;
    return code;
}
