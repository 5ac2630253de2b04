/* The body of POST /comparisons. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "fmt.h"
#include "request.h"
#include "term.h"

static int bad_value(const struct cli *cli, const char *option, const char *value, const char *want)
{
    char *clean = term_clean(value);
    int code = cli_usage(cli, "--%s %s: wants %s", option, clean, want);
    free(clean);
    return code;
}

/* --- options that are a member --- */

static int set_integer(struct cli *cli, json_t *body, const char *option, const char *key,
                       int64_t low)
{
    const char *text = args_value(&cli->args, option);
    int64_t n;
    if (text == NULL)
        return 0;
    if (!fmt_read_int(text, low, INT64_MAX, &n))
        return bad_value(cli, option, text, "a whole number");
    json_object_set_new(body, key, json_integer(n));
    return 0;
}

static bool read_real(const char *text, size_t len, double *ret)
{
    char copy[32], *end;
    if (len == 0 || len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (strspn(copy, "0123456789.eE-+") != len)
        return false;
    *ret = strtod(copy, &end);
    return *end == '\0' && *ret >= 0 && *ret < 1e9;
}

static int set_alpha(struct cli *cli, json_t *body)
{
    const char *text = args_value(&cli->args, "alpha");
    double v;
    if (text == NULL)
        return 0;
    if (!read_real(text, strlen(text), &v))
        return bad_value(cli, "alpha", text, "a number such as 0.05");
    json_object_set_new(body, "alpha", json_real(v));
    return 0;
}

/* "2", "2%", or "time=2,count=0.1" */
static int set_min_effect(struct cli *cli, json_t *body)
{
    static const char want[] = "a percentage such as 2, or time=2,count=0.1";
    const char *text = args_value(&cli->args, "min-effect");
    json_t *kinds = NULL;
    if (text == NULL)
        return 0;
    for (const char *p = text;; p++) {
        size_t len = strcspn(p, ","), key = strcspn(p, "=,"), from = key < len ? key + 1 : 0;
        size_t end = len > from && p[len - 1] == '%' ? len - 1 : len;
        double v;
        if (!read_real(p + from, end - from, &v)) {
            json_decref(kinds);
            return bad_value(cli, "min-effect", text, want);
        }
        if (from == 0 && p == text && p[len] == '\0') {
            json_object_set_new(body, "min_effect", json_real(v / 100));
            return 0;
        }
        kinds = kinds != NULL ? kinds : cli_json(json_object());
        if (from == 0 || json_object_setn_new(kinds, p, key, json_real(v / 100)) != 0) {
            json_decref(kinds);
            return bad_value(cli, "min-effect", text, want);
        }
        p += len;
        if (*p == '\0')
            break;
    }
    json_object_set_new(body, "min_effect", kinds);
    return 0;
}

static int set_lists(struct cli *cli, json_t *body)
{
    size_t at = 0;
    const char *word, *fail_on = args_value(&cli->args, "fail-on");
    json_t *metrics = NULL;
    while ((word = args_next(&cli->args, "metric", &at)) != NULL) {
        metrics = metrics != NULL ? metrics : cli_json(json_array());
        if (json_array_append_new(metrics, json_string(word)) != 0) {
            json_decref(metrics);
            return bad_value(cli, "metric", word, "UTF-8 text");
        }
    }
    if (metrics != NULL)
        json_object_set_new(body, "metrics", metrics);
    if (fail_on == NULL)
        return 0;
    json_t *list = cli_json(json_array());
    for (const char *p = fail_on; *p != '\0'; p += p[0] == ',') {
        size_t len = strcspn(p, ",");
        if (len > 0 && json_array_append_new(list, json_stringn(p, len)) != 0) {
            json_decref(list);
            return bad_value(cli, "fail-on", fail_on, "UTF-8 text");
        }
        p += len;
    }
    json_object_set_new(body, "fail_on", list);
    return 0;
}

int compare_options(struct cli *cli, json_t *body)
{
    const char *looks = args_flag(&cli->args, "looks") ? "looks" : "add-rounds";
    int code = set_integer(cli, body, "rounds", "rounds", 1);
    if (code == 0)
        code = set_integer(cli, body, looks, "looks", 1);
    if (code == 0)
        code = set_integer(cli, body, "repeats", "repeats_max", 0);
    if (code == 0)
        code = set_integer(cli, body, "seed", "seed", 0);
    if (code == 0)
        code = set_alpha(cli, body);
    if (code == 0)
        code = set_min_effect(cli, body);
    if (code == 0)
        code = set_lists(cli, body);
    if (code == 0 && args_flag(&cli->args, "no-confirm"))
        json_object_set_new(body, "confirm", json_false());
    if (code == 0 && args_flag(&cli->args, "aa"))
        json_object_set_new(body, "kind", json_string("aa"));
    return code;
}

/* --- what each side has alone --- */

static int side_object(struct cli *cli, json_t *body, const char *side, const char *option,
                       const char *key)
{
    json_t *one = json_object_get(body, side);
    if (!args_flag(&cli->args, option))
        return 0;
    if (one == NULL)
        return cli_usage(cli, "--%s: there is no %s beside the base of --aa", option, side);
    json_t *object = cli_json(json_object());
    int code = request_pairs(cli, option, object);
    if (code == 0)
        json_object_set(one, key, object);
    json_decref(object);
    return code;
}

static int set_side_objects(struct cli *cli, json_t *body)
{
    int code = side_object(cli, body, "base", "base-param", "params");
    if (code == 0)
        code = side_object(cli, body, "head", "head-param", "params");
    if (code == 0)
        code = side_object(cli, body, "base", "base-env", "env");
    return code == 0 ? side_object(cli, body, "head", "head-env", "env") : code;
}

/* --- sides by options --- */

static void set_sides(json_t *body, json_t *base, json_t *head)
{
    if (base != NULL)
        json_object_set_new(body, "base", base);
    if (head != NULL)
        json_object_set_new(body, "head", head);
}

/* Shell words, split by the shell itself. */
static json_t *command_side(const char *text)
{
    json_t *side = json_pack("{s:[s, s, s]}", "command", "/bin/bash", "-c", text);
    char *label = term_clean(text);
    size_t len = strlen(label);
    while (len > 200 || (len > 0 && ((unsigned char)label[len] & 0xc0) == 0x80))
        len--;
    if (side != NULL && len > 0)
        json_object_set_new(side, "label", json_stringn(label, len));
    free(label);
    return side;
}

static json_t *job_side(const char *text)
{
    int64_t id;
    return fmt_read_int(text[0] == '#' ? text + 1 : text, 1, INT64_MAX, &id)
               ? json_pack("{s:I}", "job", (json_int_t)id)
               : NULL;
}

/* --command A --command B, or one of them with --aa; the same for --job. */
static int sides_by_option(struct cli *cli, json_t *body, const char *option,
                           json_t *(*make)(const char *text), const char *want)
{
    static const char *const sides[] = {"base", "head"};
    size_t at = 0, n = 0, most = args_flag(&cli->args, "aa") ? 1 : 2;
    const char *word;
    if (cli->args.n_words > 0)
        return cli_usage(cli, "with --%s there are no BASE and HEAD beside it", option);
    while ((word = args_next(&cli->args, option, &at)) != NULL && n < most) {
        json_t *side = make(word);
        if (side == NULL)
            return bad_value(cli, option, word, want);
        json_object_set_new(body, sides[n++], side);
    }
    if (n != most || word != NULL)
        return cli_usage(cli, "--%s is given %s", option,
                         most == 1 ? "once with --aa" : "twice: for the base and for the head");
    return 0;
}

/* --- sides by words --- */

static int sides_by_words(struct cli *cli, json_t *body, const char *recipe, bool *ret_same)
{
    struct compare_place p;
    size_t n = cli->args.n_words;
    bool aa = args_flag(&cli->args, "aa");
    json_t *base = NULL, *head = NULL;
    int code = compare_place_open(&p, cli, recipe);
    if (code == 0 && n == 0)
        code = compare_here(&p, &base, &head, ret_same);
    else if (code == 0 && aa)
        code = compare_side(&p, cli->args.word[0], &base);
    else if (code == 0)
        code = compare_sides(&p, n > 1 ? cli->args.word[0] : NULL, cli->args.word[n - 1], &base,
                             &head);
    if (code == 0)
        json_object_set_new(body, "recipe", json_string(js_text(p.recipe, "name")));
    compare_place_done(&p);
    set_sides(body, base, head);
    return code;
}

static int set_what(struct cli *cli, json_t *body, bool *ret_same)
{
    const char *recipe = args_value(&cli->args, "recipe");
    size_t n = cli->args.n_words;
    bool aa = args_flag(&cli->args, "aa"), command = args_flag(&cli->args, "command");
    bool job = args_flag(&cli->args, "job");
    if ((command || job) && recipe != NULL)
        return cli_usage(cli, "--recipe has no place beside --command and --job");
    if (command && job)
        return cli_usage(cli, "--command or --job?");
    if (command)
        return sides_by_option(cli, body, "command", command_side, "a command in UTF-8");
    if (job)
        return sides_by_option(cli, body, "job", job_side, "a job's id");
    if (n == 2 && strncmp(cli->args.word[0], "job:", 4) == 0 && recipe == NULL) {
        set_sides(body, job_side(cli->args.word[0] + 4), job_side(cli->args.word[1] + 4));
        return json_object_size(body) == 2 ? 0 : cli_usage(cli, "two jobs: job:12 job:13");
    }
    if (aa && n != 1)
        return cli_usage(cli, "--aa has one side: cail compare --aa REF --recipe RECIPE");
    if (n > 2)
        return cli_usage(cli, "BASE and HEAD: two words");
    if (n > 0 && recipe == NULL)
        return cli_usage(cli, "what measures them? Name a recipe: --recipe mlir-opt-bench");
    return sides_by_words(cli, body, recipe, ret_same);
}

int compare_request(struct cli *cli, json_t **ret)
{
    json_t *body = cli_json(json_object());
    bool same = false;
    int code = set_what(cli, body, &same);
    if (code == 0 && args_flag(&cli->args, "param")) {
        json_t *params = cli_json(json_object());
        code = request_pairs(cli, "param", params);
        json_object_set_new(body, "params", params);
    }
    if (code == 0)
        code = compare_options(cli, body);
    if (code == 0)
        code = set_side_objects(cli, body);
    if (code == 0)
        code = request_rest(cli, body, !args_flag(&cli->args, "command"));
    if (code != 0 || same) {
        json_decref(body);
        body = NULL;
    }
    if (same)
        cli_say("nothing to compare: the working tree is the merge-base (--aa measures the noise)");
    *ret = body;
    return code;
}
