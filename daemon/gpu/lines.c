/* JSON of the probe to structs. */
#include "gpu/lines.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/jscan.h"
#include "base/mem.h"
#include "gpu/probe_lines.h"

enum { DEPTH_MAX = 6, CARDS_SEEN_MAX = 4096, PROCS_SEEN_MAX = 4096 };

const char *const gpu_slowed_words[] = {"sw_power_cap", "sw_thermal", "hw_thermal",
                                        "hw_power_brake", "sync_boost"};

/* --- members, all optional --- */

static int64_t get_int(const json_t *o, const char *key, int64_t max)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v))
        return -1;
    int64_t n = json_integer_value(v);
    return n >= 0 && n <= max ? n : -1;
}

static int32_t get_i32(const json_t *o, const char *key)
{
    return (int32_t)get_int(o, key, INT32_MAX);
}

static int8_t get_bool(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_boolean(v) ? json_is_true(v) : -1;
}

/* Cut to fit at a character's border; control bytes become spaces, for this ends in sentences. */
static void get_text(const json_t *o, const char *key, char *out, size_t size)
{
    const char *s = json_string_value(json_object_get(o, key));
    size_t n = 0;
    for (; s && s[n] && n + 1 < size; n++)
        out[n] = (unsigned char)s[n] < ' ' || s[n] == 127 ? ' ' : s[n];
    if (s && s[n])
        while (n && ((unsigned char)s[n] & 0xc0) == 0x80)
            n--;
    out[n] = 0;
}

/* A UUID is a key, part of URLs and of CUDA_VISIBLE_DEVICES: never cut, nothing but its letters. */
static bool get_uuid(const json_t *o, const char *key, char out[64])
{
    const char *s = json_string_value(json_object_get(o, key));
    size_t n = s ? strlen(s) : 0;
    if (!n || n > 63)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (!i || !strchr("-_/.", c)))
            return false;
    }
    memcpy(out, s, n + 1);
    return true;
}

/* --- hello --- */

static bool read_card(const json_t *o, struct gpu_card *c)
{
    if (!get_uuid(o, "uuid", c->uuid))
        return false;
    if (!get_uuid(o, "parent", c->parent))
        c->parent[0] = 0;
    get_text(o, "name", c->name, sizeof c->name);
    get_text(o, "bus", c->bus, sizeof c->bus);
    get_text(o, "vbios", c->vbios, sizeof c->vbios);
    get_text(o, "compute", c->compute, sizeof c->compute);
    c->index = get_i32(o, "index");
    c->minor = get_i32(o, "minor");
    c->memory_mib = get_int(o, "memory_mib", INT32_MAX);
    c->power_limit_mw = get_i32(o, "power_limit_mw");
    c->sm_max_mhz = get_i32(o, "sm_max_mhz");
    c->mem_max_mhz = get_i32(o, "mem_max_mhz");
    c->pcie_gen_max = get_i32(o, "pcie_gen_max");
    c->pcie_width_max = get_i32(o, "pcie_width_max");
    c->ecc = get_bool(o, "ecc");
    c->mig = get_bool(o, "mig");
    c->persistence = get_bool(o, "persistence");
    c->display = get_bool(o, "display");
    return true;
}

static bool is_listed(const struct line *l, const char *uuid)
{
    for (size_t i = 0; i < l->n_cards; i++)
        if (strcmp(l->cards[i].uuid, uuid) == 0)
            return true;
    return false;
}

static int read_hello(const json_t *o, struct line *l, struct cail_err *err)
{
    const json_t *cards = json_object_get(o, "cards");
    size_t n = json_array_size(cards);
    if (get_int(o, "v", INT32_MAX) != PROBE_VERSION)
        return err_set(err, E_BAD_FIELD, "cail-probe speaks another version than %d",
                       PROBE_VERSION);
    if (!json_is_array(cards) || n > CARDS_SEEN_MAX)
        return err_set(err, E_BAD_FIELD, "'cards' is not a list of cards");
    get_text(o, "driver", l->driver, sizeof l->driver);
    l->cuda = get_i32(o, "cuda");
    const char *visible = json_string_value(json_object_get(o, "visibility"));
    l->partial = visible && strcmp(visible, "partial") == 0;
    l->cards = mem_array(GPU_CARDS_MAX, sizeof *l->cards);
    for (size_t i = 0; i < n && l->n_cards < GPU_CARDS_MAX; i++) {
        struct gpu_card *c = &l->cards[l->n_cards];
        if (!read_card(json_array_get(cards, i), c) || is_listed(l, c->uuid)) {
            line_done(l);
            return err_set(err, E_BAD_FIELD, "card %zu has no UUID of its own", i);
        }
        l->n_cards++;
    }
    return 0;
}

/* --- sample --- */

static void read_figures(const json_t *o, struct gpu_sample *s)
{
    s->sm_mhz = get_i32(o, "sm_mhz");
    s->mem_mhz = get_i32(o, "mem_mhz");
    s->power_mw = get_i32(o, "power_mw");
    s->temp_c = get_i32(o, "temp_c");
    s->util_pct = (int32_t)get_int(o, "util_pct", 100);
    s->used_mib = get_i32(o, "used_mib");
    s->reserved_mib = get_i32(o, "reserved_mib");
    int64_t reasons = get_int(o, "reasons", UINT32_MAX);
    s->reasons = reasons < 0 ? 0 : (uint32_t)reasons;
    const json_t *slowed = json_object_get(o, "slowed_us");
    for (int i = 0; i < GPU_SLOWED_COUNT; i++)
        s->slowed_us[i] = get_int(slowed, gpu_slowed_words[i], INT64_MAX);
    s->energy_mj = get_int(o, "energy_mj", INT64_MAX);
    s->pstate = get_i32(o, "pstate");
    s->pcie_gen = get_i32(o, "pcie_gen");
    s->pcie_width = get_i32(o, "pcie_width");
    s->ecc_uncorrected = get_int(o, "ecc_uncorrected", INT64_MAX);
}

static void add_procs(const json_t *list, bool compute, struct line *l)
{
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(list, i);
        int64_t pid = get_int(o, "pid", INT32_MAX);
        const char *kind = json_string_value(json_object_get(o, "kind"));
        /* A kind that we do not know is taken for the one that makes the card busy. */
        bool graphics = kind && strcmp(kind, "graphics") == 0;
        if (pid <= 0 || graphics == compute)
            continue;
        if (l->n_procs == GPU_PROCS_MAX) {
            l->procs_more = true;
            return;
        }
        l->procs[l->n_procs++] = (struct gpu_proc){.pid = (pid_t)pid,
                                                   .uid = (uid_t)-1,
                                                   .used_mib = get_int(o, "used_mib", INT32_MAX),
                                                   .compute = compute};
    }
}

static int read_sample(const json_t *o, struct line *l, struct cail_err *err)
{
    l->mono_us = l->sample.mono_us = get_int(o, "mono_us", INT64_MAX);
    if (l->mono_us < 0)
        return err_set(err, E_BAD_FIELD, "a sample without its time");
    read_figures(o, &l->sample);
    l->remap_pending = get_bool(o, "remap_pending") == 1;
    l->remap_failed = get_bool(o, "remap_failed") == 1;
    const json_t *procs = json_object_get(o, "procs");
    l->procs_told = json_is_array(procs);
    if (json_array_size(procs) > PROCS_SEEN_MAX)
        return err_set(err, E_BAD_FIELD, "a list of too many processes");
    add_procs(procs, true, l);
    add_procs(procs, false, l);
    return 0;
}

/* --- the line --- */

static int read_kind(const json_t *o, struct line *l, struct cail_err *err)
{
    static const char *const words[] = {"hello", "none", "sample", "xid", "lost"};
    const char *t = json_string_value(json_object_get(o, "t"));
    for (size_t i = 0; t && i < ARRAY_LEN(words); i++)
        if (strcmp(t, words[i]) == 0) {
            l->kind = (enum line_kind)i;
            return 0;
        }
    return err_set(err, E_BAD_FIELD, "a line of no known kind");
}

static int read_object(const json_t *o, struct line *l, struct cail_err *err)
{
    int code = read_kind(o, l, err);
    if (code)
        return code;
    if (l->kind == LINE_HELLO)
        return read_hello(o, l, err);
    if (l->kind == LINE_NONE) {
        get_text(o, "reason", l->text, sizeof l->text);
        return 0;
    }
    if (!get_uuid(o, "uuid", l->uuid))
        return err_set(err, E_BAD_FIELD, "a line that names no card");
    if (l->kind == LINE_SAMPLE)
        return read_sample(o, l, err);
    if (l->kind == LINE_LOST) {
        get_text(o, "error", l->text, sizeof l->text);
        return 0;
    }
    l->xid = get_int(o, "xid", INT32_MAX);
    l->mono_us = get_int(o, "mono_us", INT64_MAX);
    return l->xid > 0 ? 0 : err_set(err, E_BAD_FIELD, "an Xid without its number");
}

int line_read(const char *p, size_t len, struct line *ret, struct cail_err *err)
{
    size_t end;
    if (len > PROBE_LINE_MAX || jscan_value(p, len, DEPTH_MAX, &end) != JSCAN_OK)
        return err_set(err, E_BAD_JSON, "not a line of JSON");
    json_t *o = json_loadb(p, len, JSON_REJECT_DUPLICATES, NULL);
    if (!o)
        return err_set(err, E_BAD_JSON, "not a line of JSON");
    *ret = (struct line){.xid = -1, .mono_us = -1};
    int code =
        json_is_object(o) ? read_object(o, ret, err) : err_set(err, E_BAD_JSON, "not an object");
    json_decref(o);
    return code;
}

void line_done(struct line *l)
{
    free(l->cards);
    l->cards = NULL;
    l->n_cards = 0;
}
