/* A card for people and programs. */
#include "gpu/evidence.h"
#include "gpu/gpu.h"

static void put_number(struct jw *w, const char *key, int64_t v)
{
    if (v < 0)
        jw_knull(w, key);
    else
        jw_kint(w, key, v);
}

static void put_text(struct jw *w, const char *key, const char *text)
{
    jw_kstr(w, key, text[0] ? text : NULL);
}

static void put_flag(struct jw *w, const char *key, int8_t v)
{
    if (v < 0)
        jw_knull(w, key);
    else
        jw_kbool(w, key, v == 1);
}

void gpu_facts_json(const struct gpu_card *c, struct jw *w)
{
    jw_kstr(w, "uuid", c->uuid);
    jw_kstr(w, "model", c->name);
    put_number(w, "memory_mib", c->memory_mib);
    put_number(w, "index", c->index);
    put_number(w, "minor", c->minor);
    put_text(w, "bus", c->bus);
    put_text(w, "vbios", c->vbios);
    put_text(w, "compute", c->compute);
    put_text(w, "parent", c->parent);
    put_number(w, "power_limit_mw", c->power_limit_mw);
    put_number(w, "sm_max_mhz", c->sm_max_mhz);
    put_number(w, "mem_max_mhz", c->mem_max_mhz);
    put_number(w, "pcie_gen_max", c->pcie_gen_max);
    put_number(w, "pcie_width_max", c->pcie_width_max);
    put_flag(w, "ecc", c->ecc);
    put_flag(w, "mig", c->mig);
    put_flag(w, "persistence", c->persistence);
    jw_kbool(w, "display", evidence_display(c));
}

static void put_reasons(uint32_t reasons, struct jw *w)
{
    static const char *const words[] = {"idle",        "app_clocks",     "sw_power_cap",
                                        "hw_slowdown", "sync_boost",     "sw_thermal",
                                        "hw_thermal",  "hw_power_brake", "display_clocks"};
    jw_key(w, "clock_reasons");
    jw_open(w, '[');
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (reasons & (1u << i))
            jw_str(w, words[i]);
    jw_close(w, ']');
}

static void put_live(const struct gpu_sample *s, struct jw *w)
{
    jw_key(w, "live");
    if (!s->mono_us) {
        jw_null(w);
        return;
    }
    jw_open(w, '{');
    put_number(w, "sm_mhz", s->sm_mhz);
    put_number(w, "mem_mhz", s->mem_mhz);
    put_number(w, "power_mw", s->power_mw);
    put_number(w, "temp_c", s->temp_c);
    put_number(w, "util_pct", s->util_pct);
    put_number(w, "used_mib", s->used_mib);
    put_number(w, "reserved_mib", s->reserved_mib);
    put_reasons(s->reasons, w);
    put_number(w, "energy_mj", s->energy_mj);
    put_number(w, "pstate", s->pstate);
    put_number(w, "pcie_gen", s->pcie_gen);
    put_number(w, "pcie_width", s->pcie_width);
    put_number(w, "ecc_uncorrected", s->ecc_uncorrected);
    jw_close(w, '}');
}

static void put_evidence(const struct gpu_card *c, struct jw *w)
{
    static const char *const health[] = {"healthy", "suspect", "gone"};
    jw_kstr(w, "health", health[c->health]);
    jw_kbool(w, "drained", c->drained);
    put_text(w, "drain_note", c->drain_note);
    put_text(w, "quarantine", c->quarantine);
    put_number(w, "xid", c->xid ? c->xid : -1);
    jw_key(w, "evidence");
    jw_open(w, '{');
    jw_kbool(w, "free", c->free_twice);
    put_text(w, "reason", c->reason);
    put_number(w, "baseline_mib", c->baseline_mib);
    jw_kstr(w, "visibility", c->partial ? "partial" : "full");
    jw_close(w, '}');
}

static void put_process(const struct gpu_proc *p, struct jw *w)
{
    jw_open(w, '{');
    jw_kint(w, "pid", p->pid);
    jw_kstr(w, "kind", p->compute ? "compute" : "graphics");
    put_number(w, "used_mib", p->used_mib);
    put_text(w, "user", p->user);
    put_text(w, "command", p->command);
    if (p->known)
        jw_kbool(w, "ours", p->ours);
    else
        jw_knull(w, "ours");
    jw_close(w, '}');
}

void gpu_card_json(const struct gpu_card *c, struct jw *w)
{
    gpu_facts_json(c, w);
    put_live(&c->last, w);
    put_evidence(c, w);
    jw_key(w, "processes");
    if (c->partial) {
        jw_null(w);
        return;
    }
    jw_open(w, '[');
    for (size_t i = 0; i < c->n_procs; i++)
        put_process(&c->proc[i], w);
    jw_close(w, ']');
}
