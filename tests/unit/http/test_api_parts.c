/* The pure parts under the handlers: cursors, ranges, tails, log readers, tables, HTML, scripts. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fsx.h"
#include "http/api.h"
#include "http/event_id.h"
#include "http/html.h"
#include "http/log_file.h"
#include "http/range.h"
#include "http/route.h"
#include "http/table.h"
#include "http/text.h"
#include "wire/job_spec.h"

static void test_cursor(void **state)
{
    static const int64_t ids[] = {1, 63, 64, 12345678, INT64_MAX};
    char text[CURSOR_LEN];
    int64_t back;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        cursor_make(ids[i], text);
        assert_true(cursor_read(text, &back));
        assert_int_equal(back, ids[i]);
        assert_true(
            strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
            strlen(text));
    }
    static const char *const bad[] = {
        "", "1", "AAAAAAAAAAA", "AAAAAAAAAA=", "AAAAAAAAAABB", "___________", "AAAAA AAAAB"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(cursor_read(bad[i], &back));
}

static void test_range(void **state)
{
    static const struct {
        const char *header;
        uint64_t size;
        enum range is;
        uint64_t from, len;
    } rows[] = {
        {NULL, 10, RANGE_WHOLE, 0, 0},
        {"bytes=0-", 10, RANGE_PART, 0, 10},
        {"bytes=0-0", 10, RANGE_PART, 0, 1},
        {"bytes=3-5", 10, RANGE_PART, 3, 3},
        {"bytes=3-99", 10, RANGE_PART, 3, 7},
        {"Bytes= 9- ", 10, RANGE_PART, 9, 1},
        {"bytes=-3", 10, RANGE_PART, 7, 3},
        {"bytes=-99", 10, RANGE_PART, 0, 10},
        {"bytes=10-", 10, RANGE_BAD, 0, 0},
        {"bytes=-0", 10, RANGE_BAD, 0, 0},
        {"bytes=0-", 0, RANGE_BAD, 0, 0},
        {"bytes=-1", 0, RANGE_BAD, 0, 0},
        {"bytes=5-3", 10, RANGE_WHOLE, 0, 0},
        {"bytes=-", 10, RANGE_WHOLE, 0, 0},
        {"bytes=", 10, RANGE_WHOLE, 0, 0},
        {"bytes=0-1,3-4", 10, RANGE_WHOLE, 0, 0},
        {"lines=0-1", 10, RANGE_WHOLE, 0, 0},
        {"bytes=x", 10, RANGE_WHOLE, 0, 0},
        {"bytes=0-9999999999999999999999", 10, RANGE_WHOLE, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t from = 0, len = 0;
        assert_int_equal(range_parse(rows[i].header, rows[i].size, &from, &len), rows[i].is);
        if (rows[i].is == RANGE_PART) {
            assert_int_equal(from, rows[i].from);
            assert_int_equal(len, rows[i].len);
        }
    }
}

/* --- files --- */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/cail-api-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    struct cail_err err;
    (void)state;
    return fsx_remove_tree(folder, &err);
}

static int log_with(const char *text, size_t len)
{
    char path[80];
    snprintf(path, sizeof path, "%s/log", folder);
    unlink(path);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    return fd;
}

static uint64_t tail_of(const char *text, int64_t lines)
{
    int fd = log_with(text, strlen(text));
    uint64_t from = tail_from(fd, 0, strlen(text), lines);
    close(fd);
    return from;
}

static void test_tail(void **state)
{
    (void)state;
    assert_int_equal(tail_of("a\nb\nc\n", 1), 4);
    assert_int_equal(tail_of("a\nb\nc\n", 2), 2);
    assert_int_equal(tail_of("a\nb\nc\n", 3), 0);
    assert_int_equal(tail_of("a\nb\nc\n", 99), 0);
    assert_int_equal(tail_of("a\nb\nc", 1), 4);
    assert_int_equal(tail_of("a\n\n", 1), 2);
    assert_int_equal(tail_of("\n", 1), 0);
    assert_int_equal(tail_of("", 5), 0);
    /* over the edges of the blocks it reads in */
    struct str big = STR_INIT;
    for (int i = 0; i < 9000; i++)
        str_addf(&big, "line %d\n", i);
    uint64_t from = tail_of(big.p, 5000);
    assert_int_equal(strncmp(big.p + from, "line 4000\n", 10), 0);
    str_done(&big);
}

static void test_log_open_refuses_links_and_pipes(void **state)
{
    char path[80];
    struct cail_err err;
    uint64_t size;
    int fd;
    (void)state;
    snprintf(path, sizeof path, "%s/log", folder);
    unlink(path);
    assert_int_equal(log_file_open(folder, &fd, &size, &err), 0);
    assert_int_equal(fd, -1);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(log_file_open(folder, &fd, &size, &err), E_IO);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(log_file_open(folder, &fd, &size, &err), E_IO);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(log_file_open(folder, &fd, &size, &err), E_IO);
    rmdir(path);
}

static void read_all(struct log_reader *r, size_t piece, struct str *out)
{
    char buf[8192];
    ssize_t n;
    while ((n = log_reader_read(r, buf, piece)) > 0)
        str_add(out, buf, (size_t)n);
    assert_int_equal(n, 0);
}

/* A MiB of "a", a hole of a MiB, a MiB of "b". */
static void test_reader_marks_a_hole(void **state)
{
    enum { MIB = 1 << 20 };
    char *text = malloc(3 * MIB);
    (void)state;
    memset(text, 'a', MIB);
    memset(text + MIB, 'x', MIB);
    memset(text + 2 * MIB, 'b', MIB);
    int fd = log_with(text, 3 * MIB);
    free(text);
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, MIB, MIB) != 0) {
        close(fd);
        skip(); /* a file system without holes */
    }
    uint64_t from, to;
    assert_true(log_file_hole(fd, 3 * MIB, &from, &to));
    assert_int_equal(from, MIB);
    assert_int_equal(to, 2 * MIB);
    struct str out = STR_INIT;
    struct log_reader r = {.fd = fd, .end = UINT64_MAX};
    read_all(&r, 7, &out); /* smaller than the mark */
    static const char mark[] = "\n[cail: 1048576 bytes left out here]\n";
    assert_int_equal(out.len, 2 * MIB + sizeof mark - 1);
    assert_memory_equal(out.p + MIB, mark, sizeof mark - 1);
    assert_int_equal(strspn(out.p, "a"), MIB);
    assert_int_equal(strspn(out.p + MIB + sizeof mark - 1, "b"), MIB);
    /* up to an end inside the hole */
    str_clear(&out);
    r = (struct log_reader){.fd = fd, .pos = MIB - 1, .end = MIB + 10};
    read_all(&r, 8192, &out);
    assert_string_equal(out.p, "a\n[cail: 10 bytes left out here]\n");
    /* it grows */
    r = (struct log_reader){.fd = fd, .pos = 3 * MIB, .end = UINT64_MAX};
    assert_int_equal(log_reader_read(&r, (char[8]){0}, 8), 0);
    assert_int_equal(pwrite(fd, "new", 3, 3 * MIB), 3);
    str_clear(&out);
    read_all(&r, 8192, &out);
    assert_string_equal(out.p, "new");
    str_done(&out);
    close(fd);
}

/* --- text --- */

static void test_table_fits(void **state)
{
    static const struct table_column columns[] = {
        {"ID", true, 0}, {"NAME", false, 6}, {"NOTE", false, 4}};
    struct table t = TABLE(columns);
    struct str out = STR_INIT;
    (void)state;
    table_cell(&t, "1");
    table_cell(&t, "kärnel");
    table_cell(&t, "short");
    table_cellf(&t, "%d", 1234);
    table_cell(&t, "a very long name indeed, beyond measure");
    table_cell(&t, "bad\x1b[31m\xff\n");
    table_print(&t, 30, &out);
    assert_string_equal(out.p, "  ID  NAME          NOTE\n"
                               "   1  kärnel        short\n"
                               "1234  a very long…  bad?[31m??\n");
    table_done(&t);
    str_done(&out);
}

static void test_durations(void **state)
{
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {{-5, "0ms"},           {22999, "22ms"},        {1234567, "1.2s"},
                {59999999, "59.9s"},   {60000000, "1m00s"},    {3599999999, "59m59s"},
                {3600000000, "1h00m"}, {86400000000, "1d00h"}, {8640000000000, "100d00h"}};
    char text[24];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        text_duration(rows[i].us, text);
        assert_string_equal(text, rows[i].text);
    }
}

static struct job *job_of(const char *name)
{
    struct job *j = job_new();
    j->id = 12;
    model_set(&j->name, name);
    model_set(&j->queue, "default");
    model_set(&j->user, "me");
    model_set(&j->spec, "{}");
    return j;
}

static void test_job_table_is_at_most_100_wide(void **state)
{
    char name[201];
    struct str out = STR_INIT;
    (void)state;
    memset(name, 'n', 200);
    name[200] = 0;
    struct job *j = job_of(name);
    j->id = INT64_C(123456789);
    j->state = JOB_DEP_FAILED;
    model_set(&j->reason,
              "job 4711, which this one comes after, has failed and will not be retried");
    const struct job *all[] = {j};
    text_jobs(&out, all, 1, 0);
    for (const char *line = out.p; *line;) {
        size_t chars = 0, len = strcspn(line, "\n");
        for (size_t i = 0; i < len; i++)
            chars += ((unsigned char)line[i] & 0xc0) != 0x80;
        assert_in_range(chars, 1, TEXT_WIDTH);
        line += len + 1;
    }
    struct str how = STR_INIT;
    text_how(&how, "http://localhost:8080");
    for (const char *line = how.p; *line; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 1, TEXT_WIDTH);
    str_done(&how);
    str_done(&out);
    job_free(j);
}

static void test_why_summary(void **state)
{
    struct job *j = job_of("x");
    struct sched_constraint c[2] = {{.name = "cpus", .met = false}, {.name = "queue", .met = true}};
    struct str out = STR_INIT;
    (void)state;
    j->state = JOB_QUEUED;
    strcpy(c[0].detail, "needs 2 cpus, 0 of 2 are free");
    c[0].jobs[0] = 9;
    c[0].jobs[1] = 10;
    c[0].n_jobs = 2;
    why_summary(j, c, 2, &out);
    assert_string_equal(out.p, "waits: needs 2 cpus, 0 of 2 are free (job 9, 10)");
    str_clear(&out);
    j->state = JOB_FAILED;
    j->exit_code = 3;
    why_summary(j, NULL, 0, &out);
    assert_string_equal(out.p, "failed with exit code 3");
    str_done(&out);
    job_free(j);
}

static void test_html(void **state)
{
    struct str out = STR_INIT;
    (void)state;
    html_adds(&out, "<script>alert(\"1\" + '2') & more</script>");
    assert_string_equal(out.p, "&lt;script&gt;alert(&quot;1&quot; + &#39;2&#39;) &amp; more"
                               "&lt;/script&gt;");
    str_clear(&out);
    html_add(&out, "a\0b\x1b\tc\n\xff\xe2\x80\xae", 11);
    assert_string_equal(out.p, "a\xef\xbf\xbd"
                               "b\xef\xbf\xbd\tc\n\xef\xbf\xbd\xef\xbf\xbd");
    str_done(&out);
}

static void test_html_log_drops_sequences(void **state)
{
    static const char *const rows[][2] = {
        {"\x1b[1;31mred\x1b[0m", "red"},
        {"\x1b]0;title\atext", "text"},
        {"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"},
        {"\x1bPdcs\x1b\\x", "x"},
        {"\x1b(Bx", "x"},
        {"\x1b=x", "x"},
        {"10%\r20%\r\nend\r", "10%\n20%\nend"},
        {"\x1b[31", ""},
        {"a\x1b", "a"},
        {"\x1b]0;open\nnext", "\nnext"},
        {"\x1b[31m<b>", "&lt;b&gt;"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str out = STR_INIT;
        html_add_log(&out, rows[i][0], strlen(rows[i][0]));
        assert_string_equal(out.p ? out.p : "", rows[i][1]);
        str_done(&out);
    }
}

static void test_event_ids(void **state)
{
    uint64_t seq = 0;
    (void)state;
    assert_true(event_id_read("0123abcd-42", "0123abcd", &seq));
    assert_int_equal(seq, 42);
    static const char *const bad[] = {"",
                                      "42",
                                      "0123abcd",
                                      "0123abcd-",
                                      "0123abcd-4x",
                                      "ffffffff-42",
                                      "0123abcd-9999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(event_id_read(bad[i], "0123abcd", &seq));
}

static void test_accept(void **state)
{
    struct http_request rq = {.accept = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"};
    (void)state;
    assert_true(api_accepts(&rq, "text/html"));
    assert_false(api_accepts(&rq, "text/plain"));
    rq.accept = "application/json, TEXT/plain ; q=0.5";
    assert_true(api_accepts(&rq, "text/plain"));
    rq.accept = "text/plain;q=0";
    assert_false(api_accepts(&rq, "text/plain"));
    rq.accept = "text/plain;q=0.001";
    assert_true(api_accepts(&rq, "text/plain"));
    rq.accept = "text/plainer";
    assert_false(api_accepts(&rq, "text/plain"));
    rq.accept = NULL;
    assert_false(api_accepts(&rq, "text/plain"));
    rq.content_type = "Application/JSON; charset=utf-8";
    assert_true(api_is_type(&rq, "application/json"));
    rq.content_type = "application/jsonx";
    assert_false(api_is_type(&rq, "application/json"));
}

/* Runs what it made: the arguments, environment, folder and script arrive as they were. */
static void run_repro(const char *spec_text, const char *expected)
{
    struct job *j = job_of("evil\n$(touch /tmp/never)");
    struct job_spec spec;
    struct cail_err err;
    struct str out = STR_INIT;
    char path[80], got[512] = "";
    snprintf(path, sizeof path, "%s/repro", folder);
    assert_int_equal(job_spec_read(spec_text, &spec, &err), 0);
    repro_script(j, &spec, NULL, "host\nevil", "0.1", &out);
    assert_int_equal(fsx_write_atomic(path, out.p, out.len, 0600, false, &err), 0);
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], 1);
        execl("/bin/bash", "bash", path, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    ssize_t n;
    size_t len = 0;
    while ((n = read(ends[0], got + len, sizeof got - 1 - len)) > 0)
        len += (size_t)n;
    close(ends[0]);
    assert_string_equal(got, expected);
    job_spec_done(&spec);
    str_done(&out);
    job_free(j);
}

static void test_repro(void **state)
{
    (void)state;
    run_repro("{\"command\":[\"printf\",\"%s|\",\"a b\",\"it's\",\"$(id)\",\"`x`\\n\"],"
              "\"env\":{\"A\":\"x'y\",\"B-C\":\"no\"},\"cwd\":\"/\"}",
              "a b|it's|$(id)|`x`\n|");
    run_repro("{\"script\":\"echo \\\"$A\\\"; pwd\\ncat <<'END'\\nEND\\necho 'last'\","
              "\"env\":{\"A\":\"x'$y\"},\"cwd\":\"/usr\"}",
              "x'$y\n/usr\nlast\n");
}

static void test_repro_of_a_recipe(void **state)
{
    struct job *j = job_of("x");
    struct job_spec spec;
    struct cail_err err;
    struct str out = STR_INIT;
    (void)state;
    assert_int_equal(
        job_spec_read("{\"recipe\":\"setup-llvm\",\"params\":{\"jobs\":4,\"targets\":\"a;b\"},"
                      "\"build_root\":\"/b r\"}",
                      &spec, &err),
        0);
    repro_script(j, &spec, NULL, "h", "0.1", &out);
    assert_non_null(strstr(out.p, "\nexec cail run 'setup-llvm' -p 'jobs=4' -p 'targets=a;b' "
                                  "--build-root '/b r'\n"));
    job_spec_done(&spec);
    str_done(&out);
    job_free(j);
}

/* --- {name*} --- */

static void test_route_rest(void **state)
{
    static const struct http_route rows[] = {
        {HTTP_GET, "/jobs/{id}/artifacts", 0, 0, 0, NULL, NULL, NULL, ""},
        {HTTP_GET, "/jobs/{id}/artifacts/{name*}", 0, 0, 0, NULL, NULL, NULL, ""},
    };
    struct route_table t;
    struct http_request rq = {.method = HTTP_GET, .path = "/jobs/7/artifacts/ir/a/b.mlir"};
    char out[64];
    unsigned allowed;
    (void)state;
    route_table_init(&t, rows, 2);
    assert_ptr_equal(route_find(&t, &rq, out, &allowed), &rows[1]);
    assert_int_equal(rq.n_parts, 2);
    assert_string_equal(rq.part[0], "7");
    assert_string_equal(rq.part[1], "ir/a/b.mlir");
    rq.path = "/jobs/7/artifacts/x";
    assert_ptr_equal(route_find(&t, &rq, out, &allowed), &rows[1]);
    assert_string_equal(rq.part[1], "x");
    rq.path = "/jobs/7/artifacts";
    assert_ptr_equal(route_find(&t, &rq, out, &allowed), &rows[0]);
    static const char *const none[] = {"/jobs/7/artifacts/", "/jobs/7/artifacts/a//b",
                                       "/jobs/7/artifacts/a/"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        rq.path = none[i];
        assert_null(route_find(&t, &rq, out, &allowed));
    }
    route_table_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cursor),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_tail),
        cmocka_unit_test(test_log_open_refuses_links_and_pipes),
        cmocka_unit_test(test_reader_marks_a_hole),
        cmocka_unit_test(test_table_fits),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_job_table_is_at_most_100_wide),
        cmocka_unit_test(test_why_summary),
        cmocka_unit_test(test_html),
        cmocka_unit_test(test_html_log_drops_sequences),
        cmocka_unit_test(test_event_ids),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_repro),
        cmocka_unit_test(test_repro_of_a_recipe),
        cmocka_unit_test(test_route_rest),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
