/* The probe's life, with this very program as the probe: it counts, hangs, dies, floods, talks
 * nonsense, reads nothing. Times are those of the loop and short. */
#include "probe_say.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "gpu/feed.h"
#include "gpu/gpu.h"
#include "gpu/probe_lines.h"

/* --- the child --- */

static void put(const char *text)
{
    for (size_t len = strlen(text); len;) {
        ssize_t n = write(1, text, len);
        if (n < 0)
            _exit(1);
        text += n;
        len -= (size_t)n;
    }
}

static void nap_ms(int ms)
{
    usleep((useconds_t)ms * 1000);
}

static void wait_for_end(void)
{
    char c[256];
    while (read(0, c, sizeof c) > 0)
        continue;
    _exit(0);
}

static void say_cards(void)
{
    struct str s = STR_INIT;
    say_hello_open(&s);
    say_card(&s, "GPU-1", 0, NULL, false);
    say_card(&s, "GPU-2", 1, NULL, false);
    say_hello_close(&s);
    str_addc(&s, '\n');
    put(s.p);
    str_done(&s);
}

/* Samples of both cards every 20 ms; after the 5th GPU-2 hangs if asked. */
static void be_cards(bool hang)
{
    struct str s = STR_INIT;
    say_cards();
    for (int i = 0;; i++) {
        for (int k = 1; k <= (hang && i >= 5 ? 1 : 2); k++) {
            say_sample(&s, k == 1 ? "GPU-1" : "GPU-2",
                       &(struct say){.mono_us = clock_mono_us(), .sm_mhz = 345});
            str_addc(&s, '\n');
            put(s.p);
        }
        nap_ms(20);
        if (getppid() == 1)
            _exit(0);
    }
}

static int be_probe(const char *mode)
{
    if (!strcmp(mode, "die"))
        _exit(3);
    put("hello\n");
    if (!strcmp(mode, "hang"))
        wait_for_end();
    if (!strcmp(mode, "deaf")) /* never reads what it is told */
        for (;;)
            nap_ms(1000);
    if (!strcmp(mode, "mute")) {
        close(1);
        wait_for_end();
    }
    for (int i = 0; !strcmp(mode, "nonsense") || !strcmp(mode, "flood"); i++)
        put(!strcmp(mode, "flood") ? "ok\n" : "bad\n");
    while (!strcmp(mode, "endless"))
        put("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    if (!strcmp(mode, "echo")) { /* says back what it is told */
        char c[256];
        for (ssize_t n; (n = read(0, c, sizeof c - 1)) > 0;) {
            c[n] = 0;
            put(c);
        }
    }
    return 0;
}

/* --- the parent --- */

struct seen {
    uv_loop_t loop;
    struct feed *feed;
    int lines, downs, pauses, stop_at_downs, stop_at_lines;
    uint64_t down_ms[16];
    char why[200], last[256];
    size_t backlog_max;
    bool closed;
};

static void on_closed(void *arg)
{
    ((struct seen *)arg)->closed = true;
}

static void close_feed(struct seen *s)
{
    if (s->feed)
        feed_close(s->feed, on_closed, s);
    s->feed = NULL;
}

static int on_line(void *arg, const char *p, size_t len)
{
    struct seen *s = arg;
    s->lines++;
    snprintf(s->last, sizeof s->last, "%.*s", (int)len, p);
    if (s->stop_at_lines && s->lines >= s->stop_at_lines)
        close_feed(s);
    return len == 3 && !memcmp(p, "bad", 3) ? -1 : 100;
}

static void on_pause(void *arg)
{
    ((struct seen *)arg)->pauses++;
}

static void on_down(void *arg, const char *why)
{
    struct seen *s = arg;
    snprintf(s->why, sizeof s->why, "%s", why);
    if (s->downs < 16)
        s->down_ms[s->downs] = uv_now(&s->loop);
    if (++s->downs >= s->stop_at_downs)
        close_feed(s);
}

static char self[4096];

static void open_feed(struct seen *s, const char *mode, int downs)
{
    struct feed_config c = {FEED_DEFAULTS,     .probe = self,   .line = on_line,
                            .pause = on_pause, .down = on_down, .arg = s};
    c.backoff_ms = 10;
    c.backoff_max_ms = 80;
    setenv("TEST_PROBE", mode, 1);
    *s = (struct seen){.stop_at_downs = downs};
    assert_int_equal(uv_loop_init(&s->loop), 0);
    assert_int_equal(feed_open(&s->feed, &s->loop, &c, NULL), 0);
}

static int count_fds(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* Runs until the feed has closed; then nothing of it may be left. */
static void run_feed(struct seen *s, int fds)
{
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_true(s->closed);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    assert_int_equal(count_fds(), fds);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child at all */
    assert_int_equal(errno, ECHILD);
}

static void test_dies(void **state)
{
    (void)state;
    struct seen s;
    int fds = count_fds();
    open_feed(&s, "die", 6);
    run_feed(&s, fds);
    assert_string_equal(s.why, "cail-probe ended with exit code 3");
    /* 10, 20, 40, 80, 80: never sooner */
    static const uint64_t at_least[] = {10, 20, 40, 80, 80};
    for (int i = 0; i < 5; i++)
        assert_true(s.down_ms[i + 1] - s.down_ms[i] >= at_least[i]);
}

static void test_hangs(void **state)
{
    (void)state;
    struct seen s;
    int fds = count_fds();
    open_feed(&s, "hang", 3);
    run_feed(&s, fds);
    assert_int_equal(s.downs, 3); /* silent, ended, silent again */
    assert_string_equal(s.why, "cail-probe said nothing for too long: the driver hangs");
    assert_int_equal(s.lines, 2);
}

static void expect_end(const char *mode, const char *why)
{
    struct seen s;
    int fds = count_fds();
    open_feed(&s, mode, 1);
    run_feed(&s, fds);
    assert_string_equal(s.why, why);
}

static void test_misbehaves(void **state)
{
    (void)state;
    expect_end("nonsense", "cail-probe says what makes no sense");
    expect_end("flood", "cail-probe says too much");
    expect_end("endless", "cail-probe says a line without an end");
    expect_end("mute", "cail-probe said nothing for too long: the driver hangs");
}

static void test_missing(void **state)
{
    (void)state;
    struct seen s = {.stop_at_downs = 2};
    int fds = count_fds();
    struct feed_config c = {FEED_DEFAULTS,   .probe = "/nonexistent/cail-probe",
                            .line = on_line, .pause = on_pause,
                            .down = on_down, .arg = &s};
    c.backoff_ms = 1;
    uv_loop_init(&s.loop);
    assert_int_equal(feed_open(&s.feed, &s.loop, &c, NULL), 0);
    run_feed(&s, fds);
    assert_string_equal(s.why, "'/nonexistent/cail-probe' cannot be started: "
                               "No such file or directory");
}

static void test_rates(void **state)
{
    (void)state;
    struct seen s;
    int fds = count_fds();
    open_feed(&s, "echo", 1);
    assert_false(feed_rate(s.feed, "GPU-1", 10)); /* not started yet */
    while (s.lines < 1)
        uv_run(&s.loop, UV_RUN_ONCE);
    s.stop_at_lines = 2;
    assert_true(feed_rate(s.feed, "GPU-1", 10));
    run_feed(&s, fds);
    assert_string_equal(s.last, "rate GPU-1 10");
}

/* A probe that does not read: the pipe fills, and then we are told so at once. */
static void test_deaf(void **state)
{
    (void)state;
    struct seen s;
    int fds = count_fds(), n = 0;
    open_feed(&s, "deaf", 1);
    while (s.lines < 1)
        uv_run(&s.loop, UV_RUN_ONCE);
    while (feed_rate(s.feed, "GPU-00000000-0000-0000-0000-000000000000", 10) && n < 1000000)
        n++;
    assert_in_range(n, 100, 100000);
    run_feed(&s, fds);
}

/* --- the room's door --- */

struct door {
    uv_loop_t loop;
    struct gpu *gpu;
    uv_timer_t timer;
    int changes;
    bool closed, checked, ok;
    char reason[256];
    int64_t turn_us, stall_us;
};

static void door_closed(void *arg)
{
    ((struct door *)arg)->closed = true;
}

static void on_change(void *arg)
{
    ((struct door *)arg)->changes++;
}

static void on_checked(void *arg, bool ok, const char *reason)
{
    struct door *d = arg;
    d->checked = true;
    d->ok = ok;
    snprintf(d->reason, sizeof d->reason, "%s", reason);
}

static void door_open(struct door *d, const char *mode)
{
    *d = (struct door){0};
    setenv("TEST_PROBE", mode, 1);
    uv_loop_init(&d->loop);
    assert_int_equal(gpu_open(&d->gpu, &d->loop,
                              &(struct gpu_config){.probe = self, .changed = on_change, .arg = d},
                              NULL),
                     0);
}

static void door_close(struct door *d, int fds)
{
    gpu_close(d->gpu, door_closed, d);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    assert_true(d->closed);
    assert_int_equal(uv_loop_close(&d->loop), 0);
    assert_int_equal(count_fds(), fds);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_door(void **state)
{
    (void)state;
    struct door d;
    int fds = count_fds();
    const char *uuids[] = {"GPU-1", "GPU-2"};
    door_open(&d, "cards");
    assert_string_equal(gpu_none_reason(d.gpu), "the cards are being looked for");
    const struct gpu_card *cards;
    while (gpu_cards(d.gpu, &cards) < 2)
        uv_run(&d.loop, UV_RUN_ONCE);
    assert_true(d.changes > 0);
    assert_string_equal(gpu_none_reason(d.gpu), "");
    gpu_record_start(d.gpu, 7, "0123456789abcdef0123456789abcdef", uuids, 2, true);
    gpu_check(d.gpu, uuids, 2, on_checked, &d);
    while (!d.checked)
        uv_run(&d.loop, UV_RUN_ONCE);
    assert_true(d.ok);
    while (!gpu_find(d.gpu, "GPU-2")->free_twice)
        uv_run(&d.loop, UV_RUN_ONCE);
    struct gpu_verdict v;
    char *json = gpu_record_end(d.gpu, 7, &v);
    assert_non_null(json);
    assert_true(v.clean);
    free(json);
    assert_null(gpu_record_end(d.gpu, 7, &v));
    assert_false(v.clean);
    assert_int_equal(gpu_drain(d.gpu, "GPU-9", true, "x", NULL), E_NOT_FOUND);
    struct str s = STR_INIT;
    struct jw w = JW(&s);
    jw_open(&w, '{');
    gpu_card_json(gpu_find(d.gpu, "GPU-1"), &w);
    jw_close(&w, '}');
    assert_non_null(strstr(s.p, "\"evidence\":{\"free\":true,\"reason\":null"));
    str_done(&s);
    gpu_check(d.gpu, uuids, 2, on_checked, &d); /* open while closing */
    door_close(&d, fds);
}

/* One card hangs: its check says so, the other's is well. */
static void test_one_card_hangs(void **state)
{
    (void)state;
    struct door d;
    int fds = count_fds();
    const char *hung[] = {"GPU-2"}, *well[] = {"GPU-1"};
    door_open(&d, "one-hangs");
    const struct gpu_card *c;
    while (!(c = gpu_find(d.gpu, "GPU-2")) || !c->free_twice)
        uv_run(&d.loop, UV_RUN_ONCE);
    while (gpu_find(d.gpu, "GPU-2")->health == GPU_HEALTHY)
        uv_run(&d.loop, UV_RUN_ONCE);
    assert_non_null(strstr(gpu_find(d.gpu, "GPU-2")->reason, "its driver does not answer"));
    assert_true(gpu_find(d.gpu, "GPU-1")->free_twice);
    gpu_check(d.gpu, well, 1, on_checked, &d);
    while (!d.checked)
        uv_run(&d.loop, UV_RUN_ONCE);
    assert_true(d.ok);
    d.checked = false;
    gpu_check(d.gpu, hung, 1, on_checked, &d);
    while (!d.checked)
        uv_run(&d.loop, UV_RUN_ONCE);
    assert_false(d.ok);
    door_close(&d, fds);
}

int main(void)
{
    const char *mode = getenv("TEST_PROBE");
    if (mode && !strcmp(mode, "cards"))
        be_cards(false);
    if (mode && !strcmp(mode, "one-hangs"))
        be_cards(true);
    if (mode)
        return be_probe(mode);
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    uv_loop_t first; /* libuv keeps a pipe of its own from the first loop on */
    uv_loop_init(&first);
    uv_loop_close(&first);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dies),       cmocka_unit_test(test_hangs),
        cmocka_unit_test(test_misbehaves), cmocka_unit_test(test_missing),
        cmocka_unit_test(test_rates),      cmocka_unit_test(test_deaf),
        cmocka_unit_test(test_door),       cmocka_unit_test(test_one_card_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
