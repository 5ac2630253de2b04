/* The lab's memory: what goes into the store comes back, what contradicts is refused, and a report
 * is a function of its rows. */
#include "../store/fixture.h"

#include "lab/lab.h"
#include "lab/md.h"
#include "lab/report.h"

struct bench {
    struct fix f;
    struct lab *lab;
};

static int begin(void **state)
{
    struct bench *b = mem_zalloc(sizeof *b);
    static const struct lab_override o = {"nccl", "file:///m/nccl.git"};
    struct cail_err err;
    fix_begin(&b->f);
    fix_must_open(&b->f);
    assert_int_equal(lab_open(&b->lab, CAIL_SOURCE_DIR "/recipes", &o, 1, &err), 0);
    *state = b;
    return 0;
}

static int end(void **state)
{
    struct bench *b = *state;
    lab_close(b->lab);
    fix_end(&b->f);
    free(b);
    return 0;
}

static void take_pr(void *arg, struct pr *p)
{
    lab_load_pr(arg, p);
}

static void take_topic(void *arg, struct topic *t)
{
    lab_load_topic(arg, t);
}

static void no_queue(void *arg, struct queue *q)
{
    (void)arg;
    queue_free(q);
}

static void no_group(void *arg, struct group *g)
{
    (void)arg;
    group_free(g);
}

static void no_job(void *arg, struct job *j)
{
    (void)arg;
    job_free(j);
}

static void no_attempt(void *arg, struct attempt *a)
{
    (void)arg;
    attempt_free(a);
}

static void no_cache(void *arg, struct cache_entry *c)
{
    (void)arg;
    cache_entry_free(c);
}

static void no_idem(void *arg, const char *key, const char *sha, const struct idem_made *made,
                    int64_t at)
{
    (void)arg, (void)key, (void)sha, (void)made, (void)at;
}

static void no_setting(void *arg, const char *key, const char *value)
{
    (void)arg, (void)key, (void)value;
}

static void load_again(struct bench *b)
{
    struct store_loader l = {.arg = b->lab,
                             .queue = no_queue,
                             .group = no_group,
                             .job = no_job,
                             .attempt = no_attempt,
                             .cache = no_cache,
                             .idem = no_idem,
                             .setting = no_setting,
                             .pr = take_pr,
                             .topic = take_topic};
    struct store_ids ids;
    struct cail_err err;
    lab_forget(b->lab);
    assert_int_equal(store_load(b->f.s, T0, &l, &ids, &err), 0);
}

static char *docs(struct bench *b)
{
    struct str s = STR_INIT;
    struct jw w = JW(&s);
    struct pr *const *prs;
    struct topic *const *topics;
    size_t n = lab_prs(b->lab, &prs), n_topics = lab_topics(b->lab, &topics);
    jw_open(&w, '[');
    for (size_t i = 0; i < n; i++) {
        jw_open(&w, '{');
        lab_pr_doc(&w, prs[i]);
        jw_close(&w, '}');
    }
    for (size_t i = 0; i < n_topics; i++)
        lab_topic_doc(&w, topics[i], "lost");
    jw_close(&w, ']');
    return str_take(&s);
}

static const struct pr *add(struct bench *b, struct store_batch *batch, const char *text,
                            const struct lab_pr_change *c, bool expect_new)
{
    struct upstream_pr which;
    struct cail_err err;
    const struct pr *p = NULL;
    bool is_new;
    assert_int_equal(lab_pr_read(b->lab, text, NULL, &which, &err), 0);
    assert_int_equal(lab_pr_add(b->lab, batch, &which, c, T0 + 5, &p, &is_new, &err), 0);
    assert_true(is_new == expect_new);
    return p;
}

static void test_there_and_back(void **state)
{
    struct bench *b = *state;
    struct store_batch *batch = store_batch_new(b->f.s);
    struct cail_err err;
    const struct topic *t;
    bool is_new;
    const struct lab_pr_change all = {"t' \xc3\xa9", "ada",   "aaaaaaa", "bbbbbbb",
                                      "main",        "notes", PR_MERGED, true};
    const struct lab_pr_change none = {.state = -1}, less = {.state = -1, .title = "", .note = "n"};
    const struct lab_topic_change topic = {"mlir", "a-b",     "topic/a-b", "/w",      "file:///f",
                                           "main", "aaaaaaa", "bbbbbbb",   "ccccccc", "7",
                                           3,      4,         99,          0};
    assert_int_equal(add(b, batch, "llvm#7", &all, true)->id, 1);
    assert_int_equal(add(b, batch, "nccl#1", &none, true)->id, 2);
    const struct pr *p = add(b, batch, "mlir#7", &less, false);
    assert_null(p->title);
    assert_string_equal(p->note, "n");
    assert_string_equal(p->author, "ada");
    assert_int_equal(lab_topic_put(b->lab, batch, &topic, T0, &t, &is_new, &err), 0);
    assert_true(is_new);
    assert_string_equal(t->upstream, "llvm");
    assert_string_equal(t->pr, p->url);
    CLEANUP(mem_freep) char *before = docs(b);
    assert_int_equal(fix_commit(&b->f, batch, &err), STORE_COMMITTED);
    load_again(b);
    CLEANUP(mem_freep) char *after = docs(b);
    assert_string_equal(before, after);
    assert_string_equal(lab_branch(b->lab, "llvm"), "main");
    assert_null(lab_branch(b->lab, "nccl"));
    assert_non_null(lab_pr(b->lab, 2));
    assert_null(lab_pr(b->lab, 3));
    /* Ids go on behind the largest. */
    batch = store_batch_new(b->f.s);
    assert_int_equal(add(b, batch, "llvm#8", &none, true)->id, 3);
    assert_int_equal(fix_commit(&b->f, batch, &err), STORE_COMMITTED);
}

static void test_refusals(void **state)
{
    struct bench *b = *state;
    struct store_batch *batch = store_batch_new(b->f.s);
    struct cail_err err;
    const struct topic *t;
    const struct pr *p;
    bool is_new;
    const struct lab_topic_change good = {.upstream = "llvm",
                                          .name = "a",
                                          .branch = "topic/a",
                                          .worktree = "/w",
                                          .ahead = -1,
                                          .behind = -1,
                                          .closed = -1};
    struct lab_topic_change bad[8];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        bad[i] = good;
    bad[0].upstream = "nope";
    bad[1].name = "..";
    bad[2].name = "-a";
    bad[3].worktree = "w";
    bad[4].fork = "ext::sh";
    bad[5].pr = "nccl#1";
    bad[6].branch = NULL;
    bad[7].name = "a.lock";
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_not_equal(lab_topic_put(b->lab, batch, &bad[i], T0, &t, &is_new, &err), 0);
    const struct lab_pr_change none = {.state = -1};
    assert_int_equal(lab_pr_change(b->lab, batch, 1, &none, T0, &p, &err), E_NOT_FOUND);
    assert_true(store_batch_is_empty(batch));
    store_batch_drop(b->f.s, batch);
    struct topic *const *all;
    assert_int_equal(lab_topics(b->lab, &all), 0);
    struct lab *other = NULL;
    const struct lab_override o = {"llvm", "-x"};
    assert_int_equal(lab_open(&other, CAIL_SOURCE_DIR "/recipes", &o, 1, &err), E_BAD_FIELD);
    assert_null(other);
}

static void test_upstreams(void **state)
{
    struct bench *b = *state;
    const struct upstream *u;
    struct cail_err err;
    assert_int_equal(lab_upstream(b->lab, "nccl", &u, &err), 0);
    assert_true(u->is_overridden);
    assert_string_equal(u->url, "file:///m/nccl.git");
    assert_int_equal(lab_upstream(b->lab, "tokyo", &u, &err), E_NOT_FOUND);
    assert_non_null(strstr(err.hint, "\"tokio\""));
    struct upstream_pr which;
    assert_int_equal(lab_pr_read(b->lab, "5", "openxla", &which, &err), 0);
    assert_string_equal(which.url, "https://github.com/openxla/xla/pull/5");
    assert_int_not_equal(lab_pr_read(b->lab, "5", NULL, &which, &err), 0);
}

static void test_markdown(void **state)
{
    CLEANUP(str_done) struct str s = STR_INIT;
    (void)state;
    md_text(&s, "a|b\n<c> [d](e) @f `g` &h; *i* _j_ # !k ~l \\");
    assert_string_equal(
        s.p, "a\\|b &lt;c\\> \\[d\\](e) &#64;f \\`g\\` &amp;h; \\*i\\* \\_j\\_ \\# \\!k \\~l "
             "\\\\");
    str_clear(&s);
    md_text(&s, NULL);
    md_code(&s, "a`b|c\n");
    assert_string_equal(s.p, "-`a'b/c'`");
    str_clear(&s);
    md_shell(&s, "it's `x`\n");
    md_shell(&s, "");
    md_shell(&s, "plain/word-1");
    assert_string_equal(s.p, "'it'\\''s ?x?" "?'''plain/word-1");
}

static void test_comparison(void **state)
{
    CLEANUP(str_done) struct str s = STR_INIT;
    struct comparison *c = comparison_new();
    (void)state;
    c->id = 3;
    c->state = COMPARISON_FINISHED;
    c->verdict = VERDICT_REGRESSION;
    model_set(&c->name, "gemm|x");
    model_set(
        &c->judged,
        "{\"rows\":[{\"benchmark\":\"g\",\"params\":{\"m\":8},\"metric\":\"time\",\"unit\":\"ms\","
        "\"verdict\":\"regression\",\"flags\":[\"drift\"],\"base\":{\"median\":10},\"head\":"
        "{\"median\":10.5},\"effect\":1.05,\"effect_lo\":1.04,\"effect_hi\":1.06},"
        "{\"benchmark\":\"h\"},7]}");
    lab_report_comparison(c, &s);
    assert_string_equal(
        s.p,
        "\n### Comparison 3: gemm\\|x\n\nVerdict: regression.\n\n"
        "| benchmark | metric | base | head | unit | effect | verdict |\n"
        "|---|---|---:|---:|---|---:|---|\n"
        "| g `{\"m\":8}` | time | 10 | 10.5 | ms | +5.00 % [4.00, 6.00] | regression (drift) |\n"
        "| h | - | - | - | - | - | - |\n| - | - | - | - | - | - | - |\n");
    str_clear(&s);
    model_set(&c->judged, "{\"rows\":{}}");
    c->verdict = -1;
    c->state = COMPARISON_MEASURING;
    lab_report_comparison(c, &s);
    assert_non_null(strstr(s.p, "Verdict: none, it is measuring."));
    comparison_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, begin, end),
        cmocka_unit_test_setup_teardown(test_refusals, begin, end),
        cmocka_unit_test_setup_teardown(test_upstreams, begin, end),
        cmocka_unit_test(test_markdown),
        cmocka_unit_test(test_comparison),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
