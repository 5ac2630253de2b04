/* perf stat -j and -x SEP. One row an event: metric = the event's name, lower is better (they are
 * costs: time, cycles, misses, energy). "<not counted>" and "<not supported>" are skipped rows. The
 * derived metrics behind an event are left out. Each interval of -I -j is a sample. */
#include <string.h>

#include "base/mem.h"
#include "parse/formats.h"
#include "parse/reader.h"

static int put_event(struct parse_in *in, struct parse_span event, struct parse_span unit,
                     struct parse_span value)
{
    CLEANUP(mem_freep) char *name = parse_span_dup(event), *unit_text = parse_span_dup(unit);
    const char *spelled = parse_unit(unit_text);
    struct parse_metric m = {NULL, name, spelled, BETTER_LOWER, parse_unit_kind(spelled), 0};
    double v;
    if (!event.n)
        return parse_bad(in, "an event has no name");
    if (parse_span_starts(value, "<not "))
        return parse_put(in, NULL, NULL, &m, RESULT_SKIPPED, NULL, 0);
    if (!parse_span_number(value, &v))
        return parse_bad(in, "the value of \"%.80s\" is not a number", name);
    return parse_put1(in, NULL, NULL, &m, RESULT_OK, v);
}

static int one(struct parse_in *in, const char *path, const json_t *v, void *st)
{
    const char *event, *unit, *value;
    (void)path;
    (void)st;
    if (!json_is_object(v))
        return parse_bad(in, "an object expected");
    if (!json_object_get(v, "event"))
        return 0; /* a metric alone */
    int rc = parse_name_of(in, v, "event", &event);
    if (!rc)
        rc = parse_text_of(in, v, "unit", &unit);
    if (!rc)
        rc = parse_name_of(in, v, "counter-value", &value);
    return rc ? rc
              : put_event(in, parse_span_of(event), parse_span_of(unit ? unit : ""),
                          parse_span_of(value));
}

/* value, unit, event, [variance,] run time, percentage, ... */
static bool is_row(const struct parse_csv *row)
{
    double v;
    if (row->n < 5 || !row->cell[2].n)
        return false;
    char c = row->cell[2].p[0];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    bool value = parse_span_number(row->cell[0], &v) || parse_span_starts(row->cell[0], "<not ");
    struct parse_span third = row->cell[3];
    if (parse_span_ends(third, "%"))
        third.n--;
    return value && letter && parse_span_number(third, &v);
}

/* The separator that the first row is read with; 0 = it is no row. */
static char separator_of(struct parse_span line)
{
    static const char candidates[] = ",;|\t:";
    struct parse_csv row = {.n = 0};
    char found = 0;
    for (const char *c = candidates; !found && *c; c++)
        if (parse_csv_row(&row, line, *c) && is_row(&row))
            found = *c;
    parse_csv_done(&row);
    return found;
}

static bool is_comment(struct parse_span line)
{
    return !parse_span_trim(line).n || line.p[0] == '#';
}

static int csv(struct parse_in *in)
{
    struct parse_csv row = {.n = 0};
    char sep = 0;
    int rc = 0;
    while (!rc && parse_text_next(&in->text)) {
        if (is_comment(in->text.line))
            continue;
        if (!sep)
            sep = separator_of(in->text.line);
        if (!sep || !parse_csv_row(&row, in->text.line, sep) || row.n < 3)
            rc = parse_bad(in, "value, unit, event and run time of perf stat -x expected");
        else if (row.cell[0].n) /* a metric alone has an empty value */
            rc = put_event(in, row.cell[2], row.cell[1], row.cell[0]);
    }
    parse_csv_done(&row);
    return rc;
}

static int read_any(struct parse_in *in)
{
    if (parse_first(in->json.p, in->json.len) != '{')
        return csv(in);
    return parse_each(in, NULL, one, NULL);
}

bool perf_stat_detect(const char *p, size_t len)
{
    if (parse_first(p, len) == '{')
        return parse_object_with(p, len, "counter-value", "event", NULL);
    struct parse_text t = {.p = p, .len = len};
    bool more = parse_text_next(&t);
    while (more && is_comment(t.line))
        more = parse_text_next(&t);
    bool found = more && separator_of(t.line);
    parse_text_done(&t);
    return found;
}

int perf_stat_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,
                    struct cail_err *err)
{
    return parse_with(read_any, p, len, benchmark, out, err);
}
