/* What of a comparison's results decides: the request's globs, else those of the recipe. */
#include "engine/internal.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/mem.h"
#include "wire/json.h"

void trial_take_words(struct comparison_request *rq, const char *compare)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    if (!compare || json_read(compare, strlen(compare), &v, NULL))
        return;
    const json_t *globs = json_object_get(v, "metrics");
    const json_t *least = json_object_get(v, "min_effect");
    if (!rq->n_metrics && json_array_size(globs)) {
        free(rq->metric);
        rq->metric = mem_array(json_array_size(globs), sizeof *rq->metric);
        for (size_t i = 0; i < json_array_size(globs); i++)
            rq->metric[rq->n_metrics++] = mem_strdup(json_string_value(json_array_get(globs, i)));
    }
    for (int i = 0; i < METRIC_KIND_COUNT; i++) {
        const json_t *x = json_object_get(least, metric_kind_words[i]);
        if (isnan(rq->min_effect[i]) && x)
            rq->min_effect[i] = json_number_value(x);
    }
}

static bool is_named(const struct comparison_request *rq, const struct result *r, bool by_itself)
{
    CLEANUP(mem_freep) char *both = mem_printf("%s/%s", r->benchmark, r->metric);
    for (size_t i = 0; i < rq->n_metrics; i++)
        if (fnmatch(rq->metric[i], r->metric, 0) == 0 || fnmatch(rq->metric[i], both, 0) == 0)
            return true;
    return !rq->n_metrics && by_itself;
}

bool trial_is_check(const struct trial_rule *rule, const struct result *r)
{
    return rule->tests && strcmp(r->metric, "elapsed") == 0;
}

bool trial_gates(const struct trial_rule *rule, const struct result *r, bool by_itself)
{
    if (trial_is_check(rule, r))
        return !rule->asked || is_named(rule->rq, r, true);
    /* Few rounds cannot tell a figure from its noise, and a count of tests is told by the tests. */
    bool paired = rule->rq->kind != COMPARISON_UNPAIRED;
    return r->better != BETTER_NEUTRAL &&
           (r->kind == METRIC_EXACT || !paired || trial_plan_times(rule->plan)) &&
           !(rule->tests && strcmp(r->unit, "tests") == 0) && is_named(rule->rq, r, by_itself);
}

bool trial_is_timed(const struct trial_rule *rule, const struct result *r)
{
    return !trial_is_check(rule, r) && r->kind != METRIC_EXACT && trial_gates(rule, r, true);
}
