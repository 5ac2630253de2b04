/* A comparison on the terminal: what differs, by how much, and how sure that is. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare.h"
#include "fmt.h"
#include "table.h"
#include "term.h"

#define NUMBER_MAX   48
#define ROWS_FEW     12 /* so many that gate are shown whatever they say */
#define UNSURE_FEW   8  /* else so many inconclusive ones, the largest changes */
#define DIFF_LINES   16 /* of a text that differs; the report has all of it */
#define SHORT_SHA    12
#define ROUNDS_TIMED 6 /* under it no time can be told from its noise */
#define DIGITS       5
#define RED          "31"
#define GREEN        "32"
#define YELLOW       "33"

/* --- words --- */

static bool flagged(const json_t *row, const char *flag)
{
    const json_t *flags = json_object_get(row, "flags");
    for (size_t i = 0; i < json_array_size(flags); i++) {
        const char *word = json_string_value(json_array_get(flags, i));
        if (word != NULL && strcmp(word, flag) == 0)
            return true;
    }
    return false;
}

/* Also those of checks. NULL = no meaning that a colour would say. */
static const char *colour_of(const char *verdict)
{
    static const struct {
        const char *word, *colour;
    } colours[] = {
        {"regression", RED},      {"failed", RED},
        {"missing", RED},         {"new_failure", RED},
        {"improvement", GREEN},   {"fixed", GREEN},
        {"inconclusive", YELLOW}, {"not_comparable", YELLOW},
        {"flaky", YELLOW},
    };
    for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++)
        if (strcmp(colours[i].word, verdict) == 0)
            return colours[i].colour;
    return NULL;
}

/* "changed_small" as people say it. Cleaned; the caller's. */
static char *spoken(const char *verdict)
{
    if (strcmp(verdict, "changed_small") == 0)
        verdict = "changed, too little to count";
    char *text = term_clean(verdict);
    for (char *c = text; *c != '\0'; c++)
        if (*c == '_')
            *c = ' ';
    return text;
}

static char *verdict_of(const json_t *row)
{
    struct cail_buf b = CAIL_BUF_INIT;
    const char *verdict = js_text(row, "verdict");
    int64_t rounds = js_int(row, "rounds_needed", 0);
    char *word = spoken(verdict);
    cail_buf_adds(&b, word);
    free(word);
    if (flagged(row, "not_confirmed"))
        cail_buf_adds(&b, ", not seen again");
    else if (flagged(row, "confirmed"))
        cail_buf_adds(&b, ", confirmed");
    if (strcmp(verdict, "regression") == 0 && flagged(row, "floor_unknown"))
        cail_buf_adds(&b, ", a warning: no floor");
    if (strcmp(verdict, "inconclusive") == 0 && rounds > 0)
        cail_buf_addf(&b, ", about %" PRId64 " rounds would tell", rounds);
    return cli_take(&b);
}

/* Flags that no other column says. */
static char *flags_of(const json_t *row)
{
    static const char *const said[] = {"confirmed", "not_confirmed", "floor_unknown", "shown_only",
                                       "unpaired"};
    struct cail_buf b = CAIL_BUF_INIT;
    const json_t *flags = json_object_get(row, "flags");
    for (size_t i = 0; i < json_array_size(flags); i++) {
        const char *word = json_string_value(json_array_get(flags, i));
        bool skip = word == NULL;
        for (size_t j = 0; !skip && j < sizeof said / sizeof said[0]; j++)
            skip = strcmp(said[j], word) == 0;
        if (skip)
            continue;
        char *text = spoken(word);
        cail_buf_addf(&b, "%s%s", b.len > 0 ? ", " : "", text);
        free(text);
    }
    return cli_take(&b);
}

static char *name_of(const json_t *row)
{
    struct cail_buf b = CAIL_BUF_INIT;
    char *params = js_pairs(json_object_get(row, "params"));
    cail_buf_addf(&b, "%s%s%s", js_text(row, "benchmark"), params[0] != '\0' ? " " : "", params);
    free(params);
    return cli_take(&b);
}

/* --- numbers --- */

static int clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

static int magnitude(double v)
{
    return v > 0 && isfinite(v) ? (int)floor(log10(v) + 1e-12) : 0;
}

static double member(const json_t *object, const char *key)
{
    return js_real(object, key, NAN);
}

/* Base and head with the same number of decimals, so that the eye can compare them. */
static void add_values(struct table *t, const json_t *row)
{
    double base = member(json_object_get(row, "base"), "median");
    double head = member(json_object_get(row, "head"), "median");
    double most = fmax(isfinite(base) ? fabs(base) : 0, isfinite(head) ? fabs(head) : 0);
    const char *unit = js_text(row, "unit");
    if (strcmp(unit, "s") == 0 && most > 0 && most < .1) {
        unit = "ms";
        base *= 1e3;
        head *= 1e3;
        most *= 1e3;
    }
    bool whole =
        (!isfinite(base) || floor(base) == base) && (!isfinite(head) || floor(head) == head);
    int decimals = whole ? 0 : clamp(DIGITS - 1 - magnitude(most), 0, 9);
    const double value[] = {base, head};
    for (size_t i = 0; i < 2; i++) {
        if (!isfinite(value[i]))
            table_add(t, "-");
        else if (most >= 1e15)
            table_addf(t, "%.*g %s", DIGITS, value[i], unit);
        else
            table_addf(t, "%.*f %s", decimals, value[i], unit);
    }
}

static void put_signed(char out_text[NUMBER_MAX], double ratio, int decimals)
{
    snprintf(out_text, NUMBER_MAX, "%+.*f", decimals, (ratio - 1) * 100);
    if (strspn(out_text, "+-0.") == strlen(out_text)) /* no sign on nothing */
        memmove(out_text, out_text + 1, strlen(out_text));
}

/* As many digits as the interval's width means. Caller frees. */
static char *change_of(double effect, double lo, double hi)
{
    struct cail_buf b = CAIL_BUF_INIT;
    char text[NUMBER_MAX];
    double half = fabs(hi - lo) / 2 * 100, change = fabs(effect - 1) * 100;
    int decimals = change >= 1000               ? 0
                   : isfinite(half) && half > 0 ? clamp(-magnitude(half), 1, 4)
                   : change > 0                 ? clamp(1 - magnitude(change), 1, 4)
                                                : 1;
    if (!isfinite(effect)) {
        cail_buf_adds(&b, "-");
        return cli_take(&b);
    }
    put_signed(text, effect, decimals);
    cail_buf_addf(&b, "%s %%", text);
    if (isfinite(lo) && isfinite(hi) && lo < hi) {
        put_signed(text, lo, decimals);
        cail_buf_addf(&b, " [%s, ", text);
        put_signed(text, hi, decimals);
        cail_buf_addf(&b, "%s]", text);
    }
    return cli_take(&b);
}

/* --- the parts --- */

static const char *short_sha(const json_t *side, char text[SHORT_SHA + 2])
{
    const char *sha = js_text(side, "sha");
    bool hex = strlen(sha) >= 40 && strspn(sha, "0123456789abcdef") == strlen(sha);
    snprintf(text, SHORT_SHA + 2, "%s%.*s", hex ? " " : "", hex ? SHORT_SHA : 0, sha);
    return text;
}

char *compare_sides_words(const json_t *doc)
{
    struct cail_buf b = CAIL_BUF_INIT;
    const json_t *base = json_object_get(doc, "base"), *head = json_object_get(doc, "head");
    char sha[SHORT_SHA + 2];
    char *label = term_clean(js_text(base, "label"));
    cail_buf_addf(&b, "%s%s", label, short_sha(base, sha));
    free(label);
    if (strcmp(js_text(doc, "kind"), "aa") == 0) {
        cail_buf_adds(&b, " against itself");
    } else {
        label = term_clean(js_text(head, "label"));
        cail_buf_addf(&b, " against %s%s", label, short_sha(head, sha));
        free(label);
    }
    return cli_take(&b);
}

/* The rounds that were asked for, or more where looks added some. */
static int64_t rounds_of(const json_t *doc)
{
    int64_t rounds = js_int(doc, "rounds", 0);
    size_t i;
    json_t *m;
    json_array_foreach(json_object_get(doc, "measurements"), i, m) {
        int64_t round = js_int(m, "round", -1) + 1;
        if (js_int(m, "batch", 0) == 0 && round > rounds)
            rounds = round;
    }
    return rounds;
}

static void print_head(const json_t *doc)
{
    char *sides = compare_sides_words(doc), *recipe = term_clean(js_text(doc, "recipe"));
    char *verdict = spoken(js_text(doc, "verdict")), *state = term_clean(js_text(doc, "state"));
    const char *colour = term.colour ? colour_of(js_text(doc, "verdict")) : NULL;
    term_printf("comparison %" PRId64 "%s%s: %s\n", js_int(doc, "id", 0),
                recipe[0] != '\0' ? " " : "", recipe, sides);
    if (!compare_ended(doc))
        term_printf("%s; so far: ", state);
    else if (strcmp(state, "finished") != 0)
        term_printf("%s; what there is: ", state);
    if (colour != NULL)
        term_printf("\033[%sm%s\033[0m", colour, verdict);
    else
        term_printf("%s", verdict);
    if (strcmp(js_text(doc, "kind"), "unpaired") == 0)
        term_printf("; unpaired: drift is not controlled\n");
    else if (js_int(doc, "rounds", 0) < ROUNDS_TIMED)
        term_printf("; %" PRId64 " round%s: checks are compared\n", js_int(doc, "rounds", 0),
                    js_int(doc, "rounds", 0) == 1 ? "" : "s");
    else if (js_int(doc, "looks", 1) > 1)
        term_printf("; %" PRId64 " rounds, alpha %g shared by %" PRId64 " looks\n", rounds_of(doc),
                    js_real(doc, "alpha", 0), js_int(doc, "looks", 1));
    else
        term_printf("; %" PRId64 " rounds, alpha %g\n", js_int(doc, "rounds", 0),
                    js_real(doc, "alpha", 0));
    free(sides);
    free(recipe);
    free(verdict);
    free(state);
}

struct counts {
    size_t gates, same, unsure, shown;
};

static bool says(const json_t *row, const char *verdict)
{
    return strcmp(js_text(row, "verdict"), verdict) == 0;
}

static struct counts count(const json_t *rows)
{
    struct counts n = {0};
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        bool shown = flagged(row, "shown_only");
        n.shown += shown;
        n.gates += !shown;
        n.same += !shown && says(row, "same");
        n.unsure += !shown && says(row, "inconclusive");
    }
    return n;
}

static void add_row(struct table *t, const json_t *row)
{
    char *name = name_of(row), *verdict = verdict_of(row), *flags = flags_of(row);
    char *change =
        change_of(member(row, "effect"), member(row, "effect_lo"), member(row, "effect_hi"));
    bool shown = flagged(row, "shown_only");
    table_add(t, name);
    table_add(t, js_text(row, "metric"));
    add_values(t, row);
    table_add(t, change);
    table_add(t, shown ? "decides nothing" : verdict);
    table_colour(t, shown ? NULL : colour_of(js_text(row, "verdict")));
    table_add(t, flags);
    free(name);
    free(verdict);
    free(flags);
    free(change);
}

static void print_folded(size_t same, size_t unsure, size_t shown)
{
    const char *comma = "";
    if (same > 0)
        term_printf("%zu more are the same", same);
    comma = same > 0 ? ", " : comma;
    if (unsure > 0)
        term_printf("%s%zu more are inconclusive", comma, unsure);
    comma = same + unsure > 0 ? ", " : comma;
    if (shown > 0)
        term_printf("%s%zu decide nothing", comma, shown);
    if (same + unsure + shown > 0)
        term_printf("; --rows lists them\n");
}

static void print_rows(const json_t *doc, bool all)
{
    char interval[40];
    double alpha = js_real(doc, "alpha", .05) / (double)js_int(doc, "looks", 1); /* of one look */
    snprintf(interval, sizeof interval, "CHANGE [%.4g %%]", (1 - alpha) * 100);
    const struct column columns[] = {
        {"BENCHMARK", false, 12, 0}, {"METRIC", false, 6, 0}, {"BASE", true, 0, 2},
        {"HEAD", true, 0, 2},        {interval, true, 0, 0},  {"VERDICT", false, 8, 0},
        {"NOTES", false, 6, 1},
    };
    const json_t *rows = json_object_get(doc, "rows");
    struct counts n = count(rows);
    bool few = n.gates <= ROWS_FEW;
    size_t unsure = 0;
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        bool shown = flagged(row, "shown_only");
        unsure += !shown && says(row, "inconclusive");
        bool folded = says(row, "same") || (says(row, "inconclusive") && unsure > UNSURE_FEW);
        if (all || (!shown && (few || !folded)))
            add_row(&t, row);
    }
    if (t.n_cells > 0) {
        term_printf("\n");
        table_print(&t, STDOUT_FILENO, term_width(), term.colour, true);
    }
    if (!all)
        print_folded(few ? 0 : n.same, few || n.unsure <= UNSURE_FEW ? 0 : n.unsure - UNSURE_FEW,
                     n.shown);
}

static void print_checks(const json_t *doc)
{
    static const struct column columns[] = {
        {"CHECK", false, 16, 0},
        {"BASE", false, 0, 0},
        {"HEAD", false, 0, 0},
        {"VERDICT", false, 0, 0},
    };
    const json_t *checks = json_object_get(doc, "checks");
    int64_t same = js_int(doc, "checks_same", 0);
    struct table t;
    if (json_array_size(checks) == 0 && same == 0)
        return;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < json_array_size(checks); i++) {
        const json_t *check = json_array_get(checks, i);
        char *name = name_of(check), *verdict = spoken(js_text(check, "verdict"));
        table_add(&t, name);
        table_add(&t, js_null(check, "base") ? "not there" : js_text(check, "base"));
        table_add(&t, js_null(check, "head") ? "not there" : js_text(check, "head"));
        table_addf(&t, "%s%s", verdict,
                   json_is_true(json_object_get(check, "once")) ? ", seen once" : "");
        table_colour(&t, colour_of(js_text(check, "verdict")));
        free(name);
        free(verdict);
    }
    size_t n = json_array_size(checks);
    term_printf("\n%zu %s, %" PRId64 " end%s alike\n", n,
                n == 1 ? "check differs or fails" : "checks differ or fail", same,
                same == 1 ? "s" : "");
    bool any = t.n_cells > 0;
    table_print(&t, STDOUT_FILENO, term_width(), term.colour, any);
}

static bool any_flagged(const json_t *doc, const char *flag)
{
    const json_t *rows = json_object_get(doc, "rows");
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (flagged(json_array_get(rows, i), flag))
            return true;
    return false;
}

/* What differs in an artifact, without the two lines that name the sides. */
static void print_diff(const json_t *diff)
{
    char *name = term_clean(js_text(diff, "name"));
    const char *line = js_text(diff, "text");
    int n = 0;
    term_printf("differs: %s\n", name);
    free(name);
    for (; *line != '\0' && n < DIFF_LINES; n++) {
        size_t len = strcspn(line, "\n");
        char *raw = strndup(line, len), *text = term_clean(raw != NULL ? raw : "");
        if (n >= 2)
            term_printf("    %s\n", text);
        free(raw);
        free(text);
        line += len + (line[len] == '\n');
    }
    if (*line != '\0')
        term_printf("    ... and more; cail compare report has all of it\n");
}

/* Geometric mean, artifacts that differ, what could not be had. */
static void print_rest(const json_t *doc)
{
    const json_t *mean = json_object_get(doc, "geomean"), *diffs = json_object_get(doc, "diffs");
    const json_t *missing = json_object_get(doc, "missing");
    char *reason = term_clean(js_text(doc, "reason"));
    if (json_is_object(mean)) {
        char *change = change_of(member(mean, "effect"), member(mean, "lo"), member(mean, "hi"));
        term_printf("geometric mean: %s\n", change);
        free(change);
    }
    for (size_t i = 0; i < json_array_size(diffs); i++)
        print_diff(json_array_get(diffs, i));
    for (size_t i = 0; i < json_array_size(missing); i++) {
        const char *text = json_string_value(json_array_get(missing, i));
        char *clean = term_clean(text != NULL ? text : "");
        if (strcmp(clean, reason) != 0)
            term_printf("%s\n", clean);
        free(clean);
    }
    if (reason[0] != '\0')
        term_printf("%s\n", reason);
    if (strcmp(js_text(doc, "verdict"), "regression") == 0 && js_int(doc, "exit_code", -1) == 0 &&
        any_flagged(doc, "floor_unknown"))
        term_printf(
            "a warning, not a failure (exit code 0): how much identical code differs here is not "
            "known; cail compare --aa measures it\n");
    free(reason);
}

void compare_print(const struct cli *cli, const json_t *doc, bool all)
{
    const char *where = cail_where(cli->c);
    int64_t id = js_int(doc, "id", 0);
    print_head(doc);
    print_rows(doc, all);
    print_checks(doc);
    print_rest(doc);
    if (strncmp(where, "http", 4) == 0)
        term_printf("%s/comparisons/%" PRId64 "\n", where, id);
    else
        term_printf("cail compare report %" PRId64 " has all of it\n", id);
}

void compare_list(const json_t *list, int fd)
{
    static const struct column columns[] = {
        {"ID", true, 0, 0},      {"STATE", false, 0, 0},  {"VERDICT", false, 0, 0},
        {"RECIPE", false, 8, 1}, {"SIDES", false, 16, 0}, {"AGE", true, 0, 2},
    };
    struct table t;
    char age[FMT_MAX];
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *doc = json_array_get(list, i);
        const char *state = js_text(doc, "state"), *recipe = js_text(doc, "recipe");
        char *verdict = spoken(js_text(doc, "verdict")), *sides = compare_sides_words(doc);
        table_addf(&t, "%" PRId64, js_int(doc, "id", 0));
        table_add(&t, state);
        table_colour(&t, strcmp(state, "failed") == 0 ? RED : NULL);
        table_add(&t, verdict[0] != '\0' ? verdict : "-");
        table_colour(&t, colour_of(js_text(doc, "verdict")));
        table_add(&t, recipe[0] != '\0' ? recipe : "-");
        table_add(&t, sides);
        table_add(&t, fmt_age(js_text(doc, "created_at"), age));
        free(verdict);
        free(sides);
    }
    table_print(&t, fd, fd == STDOUT_FILENO ? term_width() : 0, term.colour, true);
}
