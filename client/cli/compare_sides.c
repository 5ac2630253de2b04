/* What a word on the command line means as a side of a comparison. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compare.h"
#include "fmt.h"
#include "git.h"
#include "git_url.h"
#include "term.h"

#define SHORT_SHA 12

static json_t *side_of(const char *key, const char *value, const char *label)
{
    return json_pack("{s:s, s:s%}", key, value, "label", label,
                     strlen(label) < 200 ? strlen(label) : 200);
}

static int bad_word(const struct compare_place *p, const char *word, const char *why)
{
    char *clean = term_clean(word);
    int code = cli_usage(p->cli, "%s: %s", clean, why);
    free(clean);
    return code;
}

/* --- folders --- */

/* The root of a checkout, not a folder of programs somewhere inside one. */
static bool is_checkout(const char *dir)
{
    char real[PATH_MAX];
    char *top = GIT_LINE(dir, "rev-parse", "--show-toplevel");
    bool is = top != NULL && realpath(top, real) != NULL && strcmp(real, dir) == 0;
    free(top);
    return is;
}

static int snapshot_side(const struct compare_place *p, const char *dir, const char *label,
                         json_t **ret)
{
    char *sha = NULL;
    /* Another user's daemon: it reads the tree when the job starts. */
    if (p->library != NULL && p->upstream != NULL && !compare_can_take(p)) {
        cli_say("%s belongs to another user: cail-d takes the snapshot itself, when it begins",
                p->build_root);
        *ret = side_of("worktree", dir, label);
        return 0;
    }
    int code = compare_take(p, dir, NULL, &sha);
    if (code == 0)
        *ret = side_of("ref", sha, label);
    free(sha);
    return code;
}

static int folder_side(const struct compare_place *p, const char *word, json_t **ret)
{
    char real[PATH_MAX];
    struct stat st;
    if (realpath(word, real) == NULL)
        return bad_word(p, word, strerror(errno));
    if (stat(real, &st) != 0 || !S_ISDIR(st.st_mode))
        return bad_word(p, word, "is no folder: a side is a checkout or a folder of programs");
    if (!is_checkout(real)) {
        *ret = side_of("bin_dir", real, real);
        return 0;
    }
    char *label = p->top != NULL && strcmp(p->top, real) == 0 ? cail_path("working tree")
                                                              : cail_path("working tree %s", real);
    int code = snapshot_side(p, real, label, ret);
    free(label);
    return code;
}

/* --- refs --- */

/* Does the upstream itself have that name, as far as this clone knows? Then it is the upstream's.
 */
static bool upstream_has(const struct compare_place *p, const char *ref)
{
    char *there = cail_path("refs/remotes/%s/%s", p->remote, ref);
    bool has = GIT_TRY(p->top, "show-ref", "--verify", "--quiet", there) == 0;
    free(there);
    return has;
}

/* A commit that this clone may be the only one to have: its sha, or NULL. A fork's branch is only
 * here; of the upstream's own names the daemon asks the upstream. */
static char *local_commit(const struct compare_place *p, const char *ref)
{
    if (p->top == NULL || !git_branch_name(ref) || strncmp(ref, "pull/", 5) == 0 ||
        upstream_has(p, ref))
        return NULL;
    char *name = cail_path("%s^{commit}", ref);
    char *sha = GIT_LINE(p->top, "rev-parse", "-q", "--verify", name);
    free(name);
    return sha;
}

static int ref_side(const struct compare_place *p, const char *ref, json_t **ret)
{
    char *clean = term_clean(ref), *sha = local_commit(p, ref), *taken = NULL;
    int code = 0;
    if (sha == NULL) {
        *ret = json_pack("{s:s}", "ref", ref);
        code = *ret != NULL ? 0 : bad_word(p, ref, "is not UTF-8 text");
    } else {
        cli_say("%s is %.*s of this repository", clean, SHORT_SHA, sha);
        code = compare_take(p, p->top, sha, &taken);
        if (code == 0)
            *ret = side_of("ref", taken, clean);
    }
    free(taken);
    free(sha);
    free(clean);
    return code;
}

static int job_side(const struct compare_place *p, const char *word, json_t **ret)
{
    int64_t id;
    if (!fmt_read_int(word + 4, 1, INT64_MAX, &id))
        return bad_word(p, word, "a job is job:12");
    *ret = json_pack("{s:I}", "job", (json_int_t)id);
    return 0;
}

int compare_side(const struct compare_place *p, const char *word, json_t **ret)
{
    if (word[0] == '/' || word[0] == '.' || word[0] == '~')
        return folder_side(p, word, ret);
    if (strncmp(word, "job:", 4) == 0)
        return job_side(p, word, ret);
    if (word[0] == '\0' || word[0] == '-')
        return bad_word(p, word, "is no side: a ref, a folder, pull/N, merge-base or job:N");
    return ref_side(p, word, ret);
}

/* --- where head left the upstream's branch --- */

static char *merge_base(const struct compare_place *p, const char *commit)
{
    if (p->top == NULL || p->trunk == NULL)
        return NULL;
    return GIT_LINE(p->top, "merge-base", p->trunk, commit);
}

/* A head that came from this clone has its history here; of another the mirror finds the place. */
static int merge_base_side(const struct compare_place *p, const json_t *head, json_t **ret)
{
    const char *ref = js_text(head, "ref");
    char *sha = NULL, *label = cail_path("merge-base");
    if (js_text(head, "worktree")[0] != '\0')
        sha = merge_base(p, "HEAD");
    else if (ref[0] != '\0')
        sha = cail_path("merge-base:%s", ref);
    int code = 0;
    if (sha == NULL)
        code = cli_usage(p->cli, "merge-base is where a ref or a working tree left the upstream");
    else
        *ret = side_of("ref", sha, label);
    free(sha);
    free(label);
    return code;
}

int compare_sides(const struct compare_place *p, const char *base, const char *head,
                  json_t **ret_base, json_t **ret_head)
{
    if (strcmp(head, "merge-base") == 0)
        return cli_usage(p->cli, "the merge-base is a base: cail compare merge-base HEAD");
    int code = compare_side(p, head, ret_head);
    if (code != 0)
        return code;
    return base == NULL || strcmp(base, "merge-base") == 0 ? merge_base_side(p, *ret_head, ret_base)
                                                           : compare_side(p, base, ret_base);
}

int compare_here(const struct compare_place *p, json_t **ret_base, json_t **ret_head,
                 bool *ret_same)
{
    char *base = merge_base(p, "HEAD");
    const char *name = js_text(p->upstream, "name");
    *ret_same = false;
    if (base == NULL && p->trunk == NULL) {
        cli_say("the branch of %s is not in this repository: git fetch %s, then again", name,
                p->remote);
        return EXIT_REFUSED;
    }
    if (base == NULL) {
        cli_say("HEAD and %s have no commit in common", p->trunk + strlen("refs/remotes/"));
        return EXIT_REFUSED;
    }
    int code = snapshot_side(p, p->top, "working tree", ret_head);
    if (code == 0) {
        *ret_base = side_of("ref", base, "merge-base");
        *ret_same = strcmp(js_text(*ret_head, "ref"), base) == 0;
    }
    if (code == 0 && !*ret_same)
        cli_say("%s: merge-base %.*s with %s, against the working tree %.*s", name, SHORT_SHA, base,
                p->trunk + strlen("refs/remotes/"), SHORT_SHA, js_text(*ret_head, "ref"));
    free(base);
    return code;
}
