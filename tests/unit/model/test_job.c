/* Words, moves and exit codes of the nouns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "model/move.h"

/* --- words --- */

static void words_of(const char *const words[], int n)
{
    for (int i = 0; i < n; i++) {
        assert_non_null(words[i]);
        assert_int_equal(word_find(words[i], words, n), i); /* so no word stands there twice */
    }
    assert_int_equal(word_find("", words, n), -1);
    assert_int_equal(word_find("RUNNING", words, n), -1);
    assert_int_equal(word_find("running ", words, n), -1);
}

static void words(void **state)
{
    (void)state;
    words_of(job_state_words, JOB_STATE_COUNT);
    words_of(attempt_state_words, ATTEMPT_STATE_COUNT);
    words_of(job_kind_words, KIND_COUNT);
    words_of(after_when_words, AFTER_WHEN_COUNT);
    words_of(exclusive_words, EXCLUSIVE_COUNT);
    words_of(end_cause_words, END_CAUSE_COUNT);
    words_of(retry_cause_words, RETRY_CAUSE_COUNT);
    words_of(better_words, BETTER_COUNT);
    words_of(metric_kind_words, METRIC_KIND_COUNT);
    words_of(result_status_words, RESULT_STATUS_COUNT);
    words_of(param_type_words, PARAM_TYPE_COUNT);
    words_of(cache_state_words, CACHE_STATE_COUNT);
    assert_int_equal(word_find("cancelled", job_state_words, JOB_STATE_COUNT), JOB_CANCELED);
    assert_int_equal(word_find("cancelled", end_cause_words, END_CAUSE_COUNT), END_CANCELED);
    assert_int_equal(word_find("cancelled", better_words, BETTER_COUNT), -1);
}

static void which_states_are_terminal(void **state)
{
    (void)state;
    for (int s = 0; s < JOB_STATE_COUNT; s++)
        assert_int_equal(job_state_is_terminal((enum job_state)s),
                         s != JOB_HELD && s != JOB_QUEUED && s != JOB_RUNNING);
    for (int s = 0; s < ATTEMPT_STATE_COUNT; s++)
        assert_int_equal(attempt_state_is_terminal((enum attempt_state)s),
                         s == ATTEMPT_EXITED || s == ATTEMPT_LOST);
}

/* --- moves: every state by every state --- */

/* Rows and columns: held queued running succeeded failed canceled timed_out lost dep_failed. */
static const char *const job_table[JOB_STATE_COUNT] = {
    [JOB_HELD] = ".x...x..x",      [JOB_QUEUED] = "x.xxxxx.x", [JOB_RUNNING] = "xx.xxxxx.",
    [JOB_SUCCEEDED] = ".x.......", [JOB_FAILED] = ".x.......", [JOB_CANCELED] = ".x.......",
    [JOB_TIMED_OUT] = ".x.......", [JOB_LOST] = ".x.......",   [JOB_DEP_FAILED] = ".x.......",
};

static void job_moves(void **state)
{
    (void)state;
    for (int from = 0; from < JOB_STATE_COUNT; from++)
        for (int to = 0; to < JOB_STATE_COUNT; to++) {
            bool allowed = job_table[from][to] == 'x';
            struct job *j = job_new();
            j->state = (enum job_state)from;
            j->finished_at_us = 5;
            assert_int_equal(job_can_move(j->state, (enum job_state)to), allowed);
            assert_int_equal(job_move(j, (enum job_state)to, 77), allowed ? 0 : E_CONFLICT);
            assert_int_equal(j->state, allowed ? to : from);
            if (!allowed)
                assert_int_equal(j->finished_at_us, 5);
            else
                assert_int_equal(j->finished_at_us,
                                 job_state_is_terminal((enum job_state)to) ? 77 : 0);
            job_free(j);
        }
}

/* starting running stopping exited lost */
static const char *const attempt_table[ATTEMPT_STATE_COUNT] = {
    [ATTEMPT_STARTING] = ".xxxx", [ATTEMPT_RUNNING] = "..xxx", [ATTEMPT_STOPPING] = "...xx",
    [ATTEMPT_EXITED] = ".....",   [ATTEMPT_LOST] = ".....",
};

static void attempt_moves(void **state)
{
    (void)state;
    for (int from = 0; from < ATTEMPT_STATE_COUNT; from++)
        for (int to = 0; to < ATTEMPT_STATE_COUNT; to++) {
            bool allowed = attempt_table[from][to] == 'x';
            struct attempt *a = attempt_new();
            a->state = (enum attempt_state)from;
            assert_int_equal(attempt_can_move(a->state, (enum attempt_state)to), allowed);
            assert_int_equal(attempt_move(a, (enum attempt_state)to, 77), allowed ? 0 : E_CONFLICT);
            assert_int_equal(a->state, allowed ? to : from);
            assert_int_equal(a->started_at_us, allowed && to == ATTEMPT_RUNNING ? 77 : 0);
            assert_int_equal(a->ended_at_us, allowed && to >= ATTEMPT_EXITED ? 77 : 0);
            attempt_free(a);
        }
}

static void first_start_is_kept(void **state)
{
    struct attempt *a = attempt_new();
    (void)state;
    a->started_at_us = 3; /* cail-run was seen before the move was made */
    assert_int_equal(attempt_move(a, ATTEMPT_RUNNING, 9), 0);
    assert_int_equal(a->started_at_us, 3);
    attempt_free(a);
}

/* --- exit codes --- */

static void exit_status(void **state)
{
    static const struct {
        enum job_state state;
        int32_t exit_code, signal;
        bool started;
        int want;
    } rows[] = {
        {JOB_HELD, 0, 0, false, -1},       {JOB_QUEUED, 7, 0, true, -1},
        {JOB_RUNNING, 0, 0, true, -1},     {JOB_SUCCEEDED, 0, 0, true, 0},
        {JOB_SUCCEEDED, -1, 0, true, 0},   {JOB_FAILED, 1, 0, true, 1},
        {JOB_FAILED, 42, 0, true, 42},     {JOB_FAILED, 126, 0, true, 126},
        {JOB_FAILED, 127, 0, true, 127},   {JOB_FAILED, 255, 0, true, 255},
        {JOB_FAILED, -1, 9, true, 137},    {JOB_FAILED, -1, 11, true, 139},
        {JOB_FAILED, -1, 0, false, 1},     {JOB_FAILED, 0, 0, true, 1}, /* its results were bad */
        {JOB_TIMED_OUT, -1, 9, true, 124}, {JOB_TIMED_OUT, -1, 0, false, 124},
        {JOB_LOST, -1, 0, true, 69},       {JOB_DEP_FAILED, -1, 0, false, 66},
        {JOB_CANCELED, -1, 0, false, 66},  {JOB_CANCELED, -1, 15, true, 143},
        {JOB_CANCELED, 3, 0, true, 3},     {JOB_CANCELED, 0, 0, true, 1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct job *j = job_new();
        j->state = rows[i].state;
        j->exit_code = rows[i].exit_code;
        j->signal = rows[i].signal;
        j->started_at_us = rows[i].started ? 1 : 0;
        assert_int_equal(job_exit_status(j), rows[i].want);
        job_free(j);
    }
}

/* --- owning --- */

static void needs_are_copied_whole(void **state)
{
    struct needs a = {.cpus = 2, .gpus = 1, .exclusive = EXCLUSIVE_GPU, .share = true};
    struct needs b = {.cpus = 9};
    (void)state;
    a.gpu_model = mem_strdup("*A100*");
    b.gpu_model = mem_strdup("old");
    needs_copy(&b, &a);
    assert_ptr_not_equal(a.gpu_model, b.gpu_model);
    assert_string_equal(b.gpu_model, "*A100*");
    assert_int_equal(b.cpus, 2);
    assert_true(b.share);
    needs_copy(&b, &b); /* onto itself */
    assert_string_equal(b.gpu_model, "*A100*");
    needs_done(&a);
    needs_done(&b);
    assert_null(b.gpu_model);
    assert_int_equal(b.cpus, 0);
}

static void fresh_values(void **state)
{
    struct job *j = job_new();
    struct attempt_end e;
    (void)state;
    assert_int_equal(j->exit_code, -1);
    assert_int_equal(j->n_steps, 1);
    assert_int_equal(j->max_tries, 1);
    assert_int_equal(j->needs.cpus, 1);
    assert_int_equal(j->progress.eta_s, -1);
    model_set(&j->reason, "a");
    model_set(&j->reason, j->reason); /* from itself */
    assert_string_equal(j->reason, "a");
    model_set(&j->reason, NULL);
    assert_null(j->reason);
    job_free(j);
    attempt_end_init(&e);
    assert_int_equal(e.max_rss_bytes, -1);
    assert_int_equal(e.instructions, -1);
    job_free(NULL);
    attempt_free(NULL);
    group_free(NULL);
    queue_free(NULL);
    cache_entry_free(NULL);
    for (int bit = 0; job_flag_words[bit]; bit++)
        assert_true(1 << bit <= JOB_FLAG_UNUSED_CARD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(which_states_are_terminal),
        cmocka_unit_test(job_moves),
        cmocka_unit_test(attempt_moves),
        cmocka_unit_test(first_start_is_kept),
        cmocka_unit_test(exit_status),
        cmocka_unit_test(needs_are_copied_whole),
        cmocka_unit_test(fresh_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
