/* Tables of a report, and what is to be known of single rows. */
#include <math.h>
#include <stdlib.h>

#include "trial/markdown.h"

enum { NAMED_MAX = 5 }; /* benchmarks that a note names */

static enum trial_table table_of(const struct trial_row *row)
{
    if (!trial_row_gates(row))
        return TRIAL_TABLE_SHOWN;
    return row->verdict == VERDICT_SAME ? TRIAL_TABLE_SAME : TRIAL_TABLE_COUNTS;
}

int32_t trial_md_table_rows(const struct trial_report *r, enum trial_table which)
{
    int32_t n = 0;

    for (size_t i = 0; i < r->j->n_rows; i++)
        n += table_of(&r->j->row[i]) == which;
    return n;
}

/* `name` k=v */
static void put_benchmark(struct str *out, const struct trial_series *s)
{
    struct str params = STR_INIT;

    trial_md_code(out, s->benchmark);
    trial_params(&params, s->params);
    if (params.len > 0) {
        str_addc(out, ' ');
        trial_md_code(out, params.p);
    }
    str_done(&params);
}

static void put_p(struct str *out, const struct trial_row *row)
{
    double p = isnan(row->p_holm) ? row->p : row->p_holm;

    if (isnan(p))
        str_addf(out, "-, %d", row->n);
    else
        trial_p(out, p);
    if (!isnan(p))
        str_addf(out, ", %d", row->n);
}

/* "1 %", with the floor where that is what raised it. */
static void put_min(struct str *out, const struct trial_series *s, const struct trial_row *row)
{
    if (s->kind == METRIC_EXACT && !(row->min_effect > 0)) {
        str_adds(out, "any");
        return;
    }
    trial_percent(out, row->min_effect);
    if (s->kind == METRIC_EXACT)
        return;
    str_adds(out, ", floor ");
    if (isnan(row->floor))
        str_adds(out, "unknown");
    else
        trial_percent(out, row->floor);
}

static void put_verdict(struct str *out, const struct trial_row *row)
{
    struct str words = STR_INIT;
    bool bold = row->verdict <= VERDICT_NOT_COMPARABLE && trial_row_gates(row);

    trial_row_verdict(&words, row);
    str_adds(out, bold ? "**" : "");
    trial_md_text(out, words.p);
    str_adds(out, bold ? "**" : "");
    str_done(&words);
}

/* Half of the interval, or, where there is none (an exact metric), the change itself. */
static double finest(const struct trial_row *row)
{
    return row->lo < row->hi ? (row->hi - row->lo) / 2 : fabs(row->effect - 1);
}

static void put_row(struct str *out, const struct trial_report *r, const struct trial_row *row)
{
    const struct trial_series *s = &r->c->series[row->series];
    struct trial_scale scale;

    trial_scale_init(&scale, s->unit != NULL ? s->unit : "", s->kind, row->base, row->head,
                     finest(row));
    str_adds(out, "| ");
    put_benchmark(out, s);
    str_adds(out, " | ");
    trial_md_code(out, s->metric);
    str_adds(out, " | ");
    trial_value(out, &scale, row->base);
    str_adds(out, " | ");
    trial_value(out, &scale, row->head);
    str_adds(out, " | ");
    trial_change(out, row->effect, row->lo, row->hi);
    str_adds(out, " | ");
    put_p(out, row);
    str_adds(out, " | ");
    put_min(out, s, row);
    str_adds(out, " | ");
    put_verdict(out, row);
    str_adds(out, " |\n");
}

int32_t trial_md_table(struct str *out, const struct trial_report *r, enum trial_table which,
                       int32_t rows_max)
{
    int32_t n = trial_md_table_rows(r, which), put = 0;

    if (n == 0)
        return 0;
    str_adds(out, "| benchmark | metric | base | head | change [");
    trial_percent(out, 1 - r->c->alpha);
    str_adds(out, " interval] | p, n | counts from | verdict |\n"
                  "|:--|:--|--:|--:|--:|--:|--:|:--|\n");
    for (size_t i = 0; i < r->j->n_rows && put < rows_max; i++) {
        if (table_of(&r->j->row[i]) != which)
            continue;
        put_row(out, r, &r->j->row[i]);
        put++;
    }
    if (n > put)
        str_addf(out, "\n%d more rows are not shown here.\n", n - put);
    str_addc(out, '\n');
    return n;
}

static const char *status_word(enum result_status s)
{
    return s < RESULT_STATUS_COUNT ? result_status_words[s] : "not there";
}

void trial_md_checks(struct str *out, const struct trial_report *r, int32_t rows_max)
{
    const struct trial_judgement *j = r->j;

    if (j->n_checks == 0 && j->checks_same == 0)
        return;
    str_addf(out, "Checks: %zu %s, %d %s alike on both sides.\n\n", j->n_checks,
             j->n_checks == 1 ? "differs or fails" : "differ or fail", j->checks_same,
             j->checks_same == 1 ? "ends" : "end");
    if (j->n_checks == 0)
        return;
    str_adds(out, "| check | base | head | verdict |\n|:--|:--|:--|:--|\n");
    for (size_t i = 0; i < j->n_checks && i < (size_t)rows_max; i++) {
        const struct trial_check *k = &j->check[i];
        bool bold = k->verdict == CHECK_NEW_FAILURE;
        str_adds(out, "| ");
        put_benchmark(out, &r->c->series[k->series]);
        str_addf(out, " | %s | %s | ", status_word(k->base), status_word(k->head));
        str_addf(out, bold ? "**%s** |\n" : "%s |\n", trial_check_name(k));
    }
    if (j->n_checks > (size_t)rows_max)
        str_addf(out, "\n%zu more rows are not shown here.\n", j->n_checks - (size_t)rows_max);
    str_addc(out, '\n');
}

/* One flag: how many of the rows bear it, and which the first are. */
static void put_note(struct str *out, const struct trial_report *r, int flag, size_t of)
{
    size_t n = 0;
    struct str names = STR_INIT;

    for (size_t i = 0; i < r->j->n_rows; i++) {
        const struct trial_row *row = &r->j->row[i];
        if (!(row->flags >> flag & 1) || n++ >= NAMED_MAX)
            continue;
        struct str name = STR_INIT;
        trial_row_name(&name, &r->c->series[row->series]);
        str_adds(&names, names.len > 0 ? ", " : "");
        trial_md_code(&names, name.p);
        str_done(&name);
    }
    if (n > 0) {
        str_addf(out, "- %s: ", trial_flag_sentences[flag]);
        if (n == of && n > 1)
            str_addf(out, "all %zu results", n);
        else
            str_add(out, names.p, names.len);
        if (n > NAMED_MAX && n < of)
            str_addf(out, " and %zu more", n - NAMED_MAX);
        str_adds(out, "\n");
    }
    str_done(&names);
}

void trial_md_notes(struct str *out, const struct trial_report *r)
{
    size_t from = out->len;

    for (int i = 0; trial_flag_words[i] != NULL; i++)
        if (trial_flag_sentences[i][0] != '\0')
            put_note(out, r, i, r->j->n_rows);
    if (out->len > from)
        str_addc(out, '\n');
}
