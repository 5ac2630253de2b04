/* A disk that is really full: a small tmpfs in a mount namespace of this process. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "fixture.h"

enum { DISK_BYTES = 4 << 20, RESERVE_BYTES = 512 << 10 };

/* NULL, or why there is no such disk here. */
static const char *make_disk(const char *dir)
{
    char options[60];
    snprintf(options, sizeof options, "size=%d,mode=0700", DISK_BYTES);
    if (geteuid() != 0)
        return "needs root";
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        return "no mount namespace to be had";
    if (mount("tmpfs", dir, "tmpfs", 0, options))
        return "mounting is not permitted";
    return NULL;
}

/* Leaves `keep` bytes free. */
static void fill(const struct fix *f, int64_t keep)
{
    char path[300];
    snprintf(path, sizeof path, "%s/filler", f->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(posix_fallocate(fd, 0, fsx_free_bytes(f->dir) - keep), 0);
    close(fd);
}

static void unfill(const struct fix *f)
{
    char path[300];
    snprintf(path, sizeof path, "%s/filler", f->dir);
    assert_int_equal(unlink(path), 0);
}

struct back {
    bool ended, back;
};

static void on_back(void *arg, bool back)
{
    *(struct back *)arg = (struct back){true, back};
}

static bool reserve_is_back(struct fix *f)
{
    struct back back = {0};
    store_retry_reserve(f->s, on_back, &back);
    fix_wait(f, &back.ended);
    return back.back;
}

static int64_t put_batch(struct fix *f, struct store_batch *b, int64_t id)
{
    fix_put_jobs(f, b, id, 50);
    return id + 50;
}

/* Commits until the disk is full; the id after the last acknowledged job. */
static int64_t commit_until_full(struct fix *f, int64_t id)
{
    enum store_outcome outcome;
    do {
        struct store_batch *b = store_batch_new(f->s);
        id = put_batch(f, b, id);
        outcome = fix_commit(f, b, NULL);
        assert_true(outcome != STORE_FAILED);
        assert_true(id < 4000);
    } while (outcome == STORE_COMMITTED);
    return id;
}

static void assert_jobs(struct fix *f, int64_t n)
{
    struct cail_err err;
    struct fix_loaded *l = fix_load(f, &err);
    assert_non_null(l);
    assert_int_equal(l->n_jobs, n);
    fix_loaded_free(l);
}

/* Commits while no byte is left: unanswered, until there is space. */
static int64_t commit_into_nothing(struct fix *f, int64_t id)
{
    struct fix_commit c = {0};
    struct store_stats stats = {0};
    do {
        struct store_batch *b = store_batch_new(f->s);
        id = put_batch(f, b, id);
        c.ended = false;
        store_commit(f->s, b, fix_committed, &c);
        while (!c.ended && !stats.waits_for_space) {
            sem_wait(&f->awake);
            store_poll(f->s);
            store_stats(f->s, &stats);
        }
    } while (!stats.waits_for_space);
    assert_false(c.ended);
    unfill(f);
    assert_true(reserve_is_back(f)); /* behind the batch that waits */
    assert_true(c.ended);
    assert_int_equal(c.outcome, STORE_COMMITTED_DISK_FULL);
    return id;
}

static void test_disk_full(void **state)
{
    (void)state;
    struct fix f;
    char reserve[300];
    fix_begin(&f);
    const char *why = make_disk(f.dir);
    if (why) {
        print_message("          skipped: %s\n", why);
        rmdir(f.dir);
        skip();
    }
    f.reserve_bytes = RESERVE_BYTES;
    f.seams.idle_s = 3600;
    snprintf(reserve, sizeof reserve, "%s/cail.reserve", f.dir);
    fix_must_open(&f);
    fill(&f, 100 << 10);
    int64_t id = commit_until_full(&f, 1);
    assert_int_equal(access(reserve, F_OK), -1); /* given up for that batch */
    assert_false(reserve_is_back(&f));
    for (int i = 0; i < 3; i++) { /* and its space serves a while */
        struct store_batch *b = store_batch_new(f.s);
        id = put_batch(&f, b, id);
        assert_int_equal(fix_commit(&f, b, NULL), STORE_COMMITTED);
    }
    id = commit_into_nothing(&f, id);
    assert_int_equal(access(reserve, F_OK), 0);
    assert_jobs(&f, id - 1);
    fix_close(&f);
    fix_must_open(&f);
    assert_jobs(&f, id - 1);

    fix_close(&f); /* starting on a full disk: served, without a reserve */
    (void)unlink(reserve);
    fill(&f, 40 << 10);
    fix_must_open(&f);
    assert_jobs(&f, id - 1);
    assert_false(reserve_is_back(&f));
    fix_close(&f);
    (void)umount2(f.dir, MNT_DETACH);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disk_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
