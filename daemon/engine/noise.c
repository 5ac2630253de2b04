/* What this installation's own noise is: how far identical code was apart, and how often it was
 * said to differ, by machine and series. From the rows of A/A comparisons; on the reader thread. */
#include "engine/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/jw.h"
#include "base/mem.h"
#include "engine/history.h"
#include "trial/judge.h"

enum { NOISE_ROWS_MAX = 200000, EFFECTS_SHOWN = 60 };

/* Rows come by machine, series and comparison, so what is under way is one of each. */
struct noise {
    struct store_reader *reader;
    struct jw w;
    char *fingerprint, *benchmark, *params, *metric;
    double *effect;
    size_t n;
    int64_t alarms; /* of the series */
    int64_t at_us;
    int64_t *seen; /* comparisons of the machine: id, negative when one of its rows was an alarm */
    size_t n_seen;
};

static void see(struct noise *z, int64_t id, bool alarm)
{
    for (size_t i = 0; i < z->n_seen; i++)
        if (llabs(z->seen[i]) == id) {
            z->seen[i] = alarm ? -id : z->seen[i];
            return;
        }
    z->seen = mem_grow(z->seen, z->n_seen + 1, sizeof *z->seen);
    z->seen[z->n_seen++] = alarm ? -id : id;
}

static void end_series(struct noise *z)
{
    if (!z->benchmark)
        return;
    double floor = trial_floor(z->effect, z->n), largest = 0;
    for (size_t i = 0; i < z->n; i++)
        largest = fmax(largest, fabs(expm1(fabs(z->effect[i]))));
    jw_open(&z->w, '{');
    jw_kstr(&z->w, "benchmark", z->benchmark);
    jw_key(&z->w, "params");
    jw_raw(&z->w, z->params, strlen(z->params));
    jw_kstr(&z->w, "metric", z->metric);
    jw_kint(&z->w, "comparisons", (int64_t)z->n);
    jw_kint(&z->w, "wanted", z->n < TRIAL_AA_MIN ? (int64_t)(TRIAL_AA_MIN - z->n) : 0);
    jw_kreal(&z->w, "floor", floor);
    jw_kreal(&z->w, "largest", largest);
    jw_kint(&z->w, "alarms", z->alarms);
    jw_key(&z->w, "effects");
    jw_open(&z->w, '[');
    for (size_t i = z->n > EFFECTS_SHOWN ? z->n - EFFECTS_SHOWN : 0; i < z->n; i++)
        jw_real(&z->w, expm1(z->effect[i]));
    jw_close(&z->w, ']');
    jw_ktime(&z->w, "at", z->at_us);
    jw_close(&z->w, '}');
    free(z->benchmark);
    free(z->params);
    free(z->metric);
    free(z->effect);
    z->benchmark = z->params = z->metric = NULL;
    z->effect = NULL;
    z->n = 0;
    z->alarms = 0;
}

static void end_machine(struct noise *z)
{
    int64_t alarms = 0;
    end_series(z);
    if (!z->fingerprint)
        return;
    for (size_t i = 0; i < z->n_seen; i++)
        alarms += z->seen[i] < 0;
    jw_close(&z->w, ']');
    jw_kint(&z->w, "comparisons", (int64_t)z->n_seen);
    jw_kint(&z->w, "alarms", alarms);
    jw_kreal(&z->w, "false_alarm_rate", z->n_seen ? (double)alarms / (double)z->n_seen : NAN);
    jw_close(&z->w, '}');
    free(z->fingerprint);
    free(z->seen);
    z->fingerprint = NULL;
    z->seen = NULL;
    z->n_seen = 0;
}

static void begin_machine(struct noise *z, const char *fingerprint)
{
    CLEANUP(mem_freep) char *doc = NULL;
    struct cail_err ignored;
    int64_t id;
    z->fingerprint = mem_strdup(fingerprint);
    jw_open(&z->w, '{');
    jw_kstr(&z->w, "fingerprint", fingerprint);
    jw_key(&z->w, "machine");
    if (history_id_read(fingerprint, &id) &&
        store_read_fingerprint(z->reader, id, &doc, &ignored) == 0)
        jw_raw(&z->w, doc, strlen(doc));
    else
        jw_null(&z->w);
    jw_key(&z->w, "series");
    jw_open(&z->w, '[');
}

static void take_row(void *arg, const struct aa_row *row)
{
    struct noise *z = arg;
    bool other_machine = !z->fingerprint || strcmp(z->fingerprint, row->fingerprint) != 0;
    if (other_machine) {
        end_machine(z);
        begin_machine(z, row->fingerprint);
    }
    if (!z->benchmark || strcmp(z->benchmark, row->benchmark) || strcmp(z->params, row->params) ||
        strcmp(z->metric, row->metric)) {
        end_series(z);
        z->benchmark = mem_strdup(row->benchmark);
        z->params = mem_strdup(row->params);
        z->metric = mem_strdup(row->metric);
    }
    if ((z->n & (z->n - 1)) == 0)
        z->effect = mem_grow(z->effect, z->n ? 2 * z->n : 1, sizeof *z->effect);
    z->effect[z->n++] = row->effect;
    z->alarms += row->alarm;
    z->at_us = row->at_us;
    see(z, row->comparison_id, row->alarm);
}

int noise_read(struct store_reader *r, struct str *out, struct cail_err *err)
{
    struct noise z = {.reader = r, .w = JW(out)};
    jw_open(&z.w, '{');
    jw_key(&z.w, "machines");
    jw_open(&z.w, '[');
    int rc = store_read_noise(r, NOISE_ROWS_MAX, take_row, &z, err);
    end_machine(&z);
    jw_close(&z.w, ']');
    jw_close(&z.w, '}');
    str_addc(out, '\n');
    return rc;
}
