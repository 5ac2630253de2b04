#include "recipe/upstream.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/near.h"
#include "recipe/read.h"

#define NUMBER_MARK "{number}"
#define NUMBER_MAX  INT64_C(999999999)

enum { ALIASES_MAX = 16, LIST_MAX = 256 };

/* --- the file --- */

static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
static const char name_rest[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";

static int read_name(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    int rc = recipe_read_text(rd, v, f, to);
    if (rc == 0 && !recipe_is_name(*(char **)to, lower, name_rest, (size_t)f->max))
        rc = recipe_refuse(rd, E_BAD_FIELD, "wants lower-case letters, digits and '-'");
    return rc;
}

static int read_aliases(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    int rc = recipe_read_texts(rd, v, f, to);
    for (char **s = *(char ***)to; rc == 0 && s && *s; s++)
        if (!recipe_is_name(*s, lower, name_rest, 64))
            rc = recipe_refuse(rd, E_BAD_FIELD, "\"%.60s\" is no name", *s);
    return rc;
}

static int read_url(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    int rc = recipe_read_text(rd, v, f, to);
    return rc ? rc : upstream_check_url(*(char **)to, rd->at.text, rd->err);
}

static int read_https(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    int rc = recipe_read_text(rd, v, f, to);
    const char *text = rc ? "" : *(char **)to;
    if (rc == 0 &&
        (strncmp(text, "https://", 8) != 0 || !strchr(text + 8, '/') || strpbrk(text, " \"'<>\\")))
        rc = recipe_refuse(rd, E_BAD_FIELD, "wants https://HOST/...");
    return rc;
}

/* An https address, or a path of the API, that holds {number}. */
static int read_page(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    int rc = recipe_read_text(rd, v, f, to);
    const char *text = rc ? "" : *(char **)to;
    bool is_api = f->min == 2;
    if (rc == 0 && (!strstr(text, NUMBER_MARK) || strpbrk(text, " \"'<>\\") ||
                    (is_api ? *text != '/' : strncmp(text, "https://", 8) != 0)))
        rc = recipe_refuse(rd, E_BAD_FIELD, "wants %s with " NUMBER_MARK,
                           is_api ? "/PATH" : "https://HOST/...");
    return rc;
}

static int read_object(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    (void)f;
    if (!json_is_object(v))
        return recipe_refuse(rd, E_BAD_FIELD, "wants an object");
    *(char **)to = json_text(v);
    return 0;
}

#define AT(member) offsetof(struct upstream, member)

static const struct recipe_field pull_fields[] = {
    {"page", read_page, AT(page), 1, UPSTREAM_URL_MAX - 20, true},
    {"compare", read_https, AT(compare), 1, UPSTREAM_URL_MAX, true},
    {"api", read_page, AT(api), 2, UPSTREAM_URL_MAX, true},
    {"comment_api", read_page, AT(comment_api), 2, UPSTREAM_URL_MAX, true},
    {"fork", read_https, AT(fork), 1, UPSTREAM_URL_MAX, true},
};

static int read_pull(struct recipe_reader *rd, json_t *v, const struct recipe_field *f, void *to)
{
    (void)f; /* its target is the whole structure */
    return recipe_read_object(rd, v, pull_fields, ARRAY_LEN(pull_fields), to);
}

static const struct recipe_field upstream_fields[] = {
    {"name", read_name, AT(name), 1, 48, true},
    {"title", recipe_read_text, AT(title), 1, 100, true},
    {"aliases", read_aliases, AT(aliases), 0, ALIASES_MAX, false},
    {"group", recipe_read_text, AT(group), 1, 100, true},
    {"url", read_url, AT(url), 1, UPSTREAM_URL_MAX, true},
    {"branch_hint", recipe_read_text, AT(branch_hint), 1, 200, true},
    {"recipes", read_object, AT(recipes), 0, 0, true},
    {"pull", read_pull, 0, 0, 0, true},
    {"rules", read_object, AT(rules), 0, 0, true},
};

int upstream_parse(const char *p, size_t len, struct upstream **ret, struct cail_err *err)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    struct recipe_reader rd = {.at = {.len = 0}, .err = err};
    int rc = len > UPSTREAM_FILE_MAX
                 ? err_set(err, E_TOO_LARGE, "larger than %u bytes", UPSTREAM_FILE_MAX)
                 : json_read(p, len, &v, err);
    if (rc)
        return rc;
    struct upstream *u = mem_zalloc(sizeof *u);
    rc = recipe_read_object(&rd, v, upstream_fields, ARRAY_LEN(upstream_fields), u);
    if (rc)
        upstream_free(u);
    else
        *ret = u;
    return rc;
}

void upstream_free(struct upstream *u)
{
    if (!u)
        return;
    recipe_texts_free(u->aliases);
    free(u->name);
    free(u->title);
    free(u->group);
    free(u->url);
    free(u->branch_hint);
    free(u->page);
    free(u->compare);
    free(u->api);
    free(u->comment_api);
    free(u->fork);
    free(u->recipes);
    free(u->rules);
    free(u);
}

/* --- addresses --- */

static bool has_scheme(const char *url)
{
    static const char *const schemes[] = {"https://", "http://", "ssh://", "git://", "file://"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0)
            return url[strlen(schemes[i])] != 0;
    return false;
}

/* user@host:path or host:path, the path not beginning with ':' (ext::...). */
static bool is_scp(const char *url)
{
    size_t n = strcspn(url, ":/");
    return n > 0 && url[n] == ':' && url[n + 1] && url[n + 1] != ':' &&
           strncmp(url + n, "://", 3) != 0 && isalnum((unsigned char)url[0]);
}

/* "//user:secret@host": what stands in a URL gets into logs. */
static bool has_password(const char *url)
{
    const char *at = strstr(url, "://");
    if (!at)
        return false;
    size_t n = strcspn(at + 3, "/");
    const char *mark = memchr(at + 3, '@', n);
    return mark && memchr(at + 3, ':', (size_t)(mark - at - 3));
}

int upstream_check_url(const char *url, const char *pointer, struct cail_err *err)
{
    for (const char *p = url; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return err_set_at(err, E_BAD_FIELD, pointer, "a repository's URL holds no white space");
    if (strlen(url) >= UPSTREAM_URL_MAX)
        return err_set_at(err, E_BAD_FIELD, pointer, "a repository's URL has at most %d bytes",
                          UPSTREAM_URL_MAX - 1);
    if (has_password(url))
        return err_set_at(err, E_BAD_FIELD, pointer,
                          "the URL holds a password; keep it in git's credential helper");
    if (strstr(url, "::") || (*url != '/' && !has_scheme(url) && !is_scp(url)))
        return err_set_at(err, E_BAD_FIELD, pointer,
                          "\"%.100s\" is no repository's URL: https://..., ssh://..., git://..., "
                          "file:///..., an absolute path or USER@HOST:PATH",
                          url);
    return 0;
}

void upstream_env_name(const char *name, char out[96])
{
    snprintf(out, 96, "CAIL_UPSTREAM_%.64s_URL", name);
    for (char *c = out; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c == '-' ? '_' : *c);
}

const struct upstream *upstream_find(struct upstream *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i]->name, name) == 0)
            return list[i];
    for (size_t i = 0; i < n; i++)
        for (char **s = list[i]->aliases; s && *s; s++)
            if (strcmp(*s, name) == 0)
                return list[i];
    return NULL;
}

void upstream_doc(struct jw *w, const struct upstream *u, const char *branch)
{
    jw_open(w, '{');
    jw_kstr(w, "name", u->name);
    jw_kstr(w, "title", u->title);
    jw_key(w, "aliases");
    jw_open(w, '[');
    for (char **s = u->aliases; s && *s; s++)
        jw_str(w, *s);
    jw_close(w, ']');
    jw_kstr(w, "group", u->group);
    jw_kstr(w, "url", u->url);
    jw_kbool(w, "overridden", u->is_overridden);
    jw_kstr(w, "default_branch", branch);
    jw_kstr(w, "branch_hint", u->branch_hint);
    jw_key(w, "recipes");
    jw_raw(w, u->recipes, strlen(u->recipes));
    jw_key(w, "pull");
    jw_open(w, '{');
    jw_kstr(w, "page", u->page);
    jw_kstr(w, "compare", u->compare);
    jw_kstr(w, "api", u->api);
    jw_kstr(w, "comment_api", u->comment_api);
    jw_kstr(w, "fork", u->fork);
    jw_close(w, '}');
    jw_key(w, "rules");
    jw_raw(w, u->rules, strlen(u->rules));
    jw_close(w, '}');
}

/* --- pull requests --- */

/* "123" with what may follow it; false = no number of 1..NUMBER_MAX. */
static bool read_number(const char *text, const char *may_follow, int64_t *ret)
{
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > 9 || *text == '0' || (text[n] && !strchr(may_follow, text[n])))
        return false;
    *ret = strtoll(text, NULL, 10);
    return *ret <= NUMBER_MAX;
}

/* "https://github.com/llvm/llvm-project/pull/": case counts nowhere in it, as on the forges. */
static bool is_page(const struct upstream *u, const char *text, int64_t *ret)
{
    size_t skip = strncasecmp(text, "https://", 8) == 0  ? 8
                  : strncasecmp(text, "http://", 7) == 0 ? 7
                                                         : 0;
    size_t before = (size_t)(strstr(u->page, NUMBER_MARK) - u->page) - 8;
    if (!skip)
        return false;
    if (strncasecmp(text + skip, "www.", 4) == 0)
        skip += 4;
    return strncasecmp(text + skip, u->page + 8, before) == 0 &&
           read_number(text + skip + before, "/?#", ret);
}

/* "llvm/llvm-project" of the page's address. */
static size_t owner_repo(const struct upstream *u, const char **ret)
{
    const char *path = strchr(u->page + 8, '/');
    size_t n = 0;
    for (int slashes = 0; path && path[n + 1] && slashes < 2; n++)
        slashes += path[n + 1] == '/';
    *ret = path ? path + 1 : "";
    return n ? n - 1 : 0;
}

/* "NAME#12", "OWNER/REPO#12" */
static const struct upstream *by_brief(struct upstream *const *list, size_t n, const char *text,
                                       int64_t *ret)
{
    size_t len = strcspn(text, "#");
    char name[UPSTREAM_PR_MAX];
    if (text[len] != '#' || len == 0 || len >= sizeof name || !read_number(text + len + 1, "", ret))
        return NULL;
    for (size_t i = 0; i < len; i++)
        name[i] = (char)tolower((unsigned char)text[i]);
    name[len] = 0;
    const struct upstream *found = upstream_find(list, n, name);
    for (size_t i = 0; !found && i < n; i++) {
        const char *pair;
        size_t pair_len = owner_repo(list[i], &pair);
        if (pair_len == len && strncasecmp(pair, text, len) == 0)
            found = list[i];
    }
    return found;
}

static void fill(const struct upstream *u, int64_t number, struct upstream_pr *ret)
{
    const char *mark = strstr(u->page, NUMBER_MARK);
    ret->upstream = u;
    ret->number = number;
    snprintf(ret->url, sizeof ret->url, "%.*s%lld%s", (int)(mark - u->page), u->page,
             (long long)number, mark + sizeof NUMBER_MARK - 1);
    snprintf(ret->brief, sizeof ret->brief, "%s#%lld", u->name, (long long)number);
}

static int not_known(struct upstream *const *list, size_t n, const char *text, struct cail_err *err)
{
    char shown[120];
    size_t len = strcspn(text, "#");
    const char *names[LIST_MAX], *near = NULL;
    for (size_t i = 0; i < n && i < LIST_MAX; i++)
        names[i] = list[i]->name;
    snprintf(shown, sizeof shown, "%.*s", (int)(len < 100 ? len : 100), text);
    near = near_word(shown, names, n < LIST_MAX ? n : LIST_MAX);
    int rc = err_set(err, E_BAD_FIELD, "\"%.100s\" is no pull request of a known upstream", text);
    if (near && text[len] == '#')
        err_hint(err, "did you mean \"%s%.20s\"? GET /upstreams (cail upstreams) lists them", near,
                 text + len);
    else
        err_hint(err, "write https://github.com/OWNER/REPO/pull/N or NAME#N; GET /upstreams (cail "
                      "upstreams) lists the names");
    return rc;
}

int upstream_pr_read(struct upstream *const *list, size_t n, const char *text, const char *of,
                     struct upstream_pr *ret, struct cail_err *err)
{
    int64_t number = 0;
    const struct upstream *u = NULL;
    if (strlen(text) >= UPSTREAM_PR_MAX || strpbrk(text, " \t\r\n"))
        return err_set(err, E_BAD_FIELD,
                       "a pull request is an address or NAME#N of at most %d bytes",
                       UPSTREAM_PR_MAX - 1);
    for (size_t i = 0; !u && i < n; i++)
        if (is_page(list[i], text, &number))
            u = list[i];
    if (!u)
        u = by_brief(list, n, text, &number);
    if (!u && of && read_number(*text == '#' ? text + 1 : text, "", &number))
        u = upstream_find(list, n, of);
    if (!u)
        return not_known(list, n, text, err);
    fill(u, number, ret);
    return 0;
}
