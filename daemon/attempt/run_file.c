/* The run file. */
#include "attempt/run_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attempt/files.h"
#include "base/attr.h"
#include "enums.def"

#define MAGIC "CAILRUN1 "

#define X2(sym, word) word,
static const char *const cause_words[] = {CAIL_END_CAUSES(X2)};
#undef X2
#define X2(sym, word) CAUSE_##sym,
enum { CAIL_END_CAUSES(X2) };
#undef X2

enum { CRC_LEN = sizeof " crc=12345678" - 1 };

void attempt_record_init(struct attempt_record *r)
{
    *r = (struct attempt_record){.cause = CAUSE_END_LOST, .exit_code = -1, .max_rss_bytes = -1,
                                 .instructions = -1, .cycles = -1, .branch_misses = -1};
}

static void put_int(struct str *out, const char *key, int64_t v)
{
    str_addc(out, ' ');
    str_adds(out, key);
    str_addc(out, '=');
    str_add_int(out, v);
}

static void put(struct str *out, const char *key, const char *value)
{
    str_addc(out, ' ');
    str_adds(out, key);
    str_addc(out, '=');
    str_adds(out, value);
}

/* Both ends of a line. */
static size_t line_begin(struct str *out, const char *kind, const char *token)
{
    size_t from = out->len;
    str_adds(out, MAGIC);
    str_adds(out, kind);
    put(out, "token", token);
    return from;
}

static void line_end(struct str *out, size_t from)
{
    str_addf(out, " crc=%08x\n", attempt_crc32(out->p + from, out->len - from));
}

void attempt_claim_encode(const char *token, const struct attempt_claim *c, struct str *out)
{
    size_t from = line_begin(out, "claim", token);
    put_int(out, "pid", c->pid);
    put_int(out, "start", c->start);
    put(out, "boot", c->boot);
    put_int(out, "at_us", c->at_us);
    put(out, "cgroup", c->cgroup);
    line_end(out, from);
}

void attempt_void_encode(const char *token, int64_t at_us, struct str *out)
{
    size_t from = line_begin(out, "void", token);
    put_int(out, "at_us", at_us);
    line_end(out, from);
}

/* The numbers of a record: one table for both directions. */
struct number {
    const char *key;
    int64_t *wide; /* one of the two */
    int32_t *narrow;
};

enum { N_NUMBERS = 14 };

static void numbers_of(struct attempt_record *r, struct number out[N_NUMBERS])
{
    const struct number rows[N_NUMBERS] = {
        {"code", NULL, &r->exit_code},
        {"signal", NULL, &r->signal},
        {"errno", NULL, &r->exec_errno},
        {"wall_us", &r->wall_us, NULL},
        {"user_us", &r->user_us, NULL},
        {"system_us", &r->system_us, NULL},
        {"max_rss_bytes", &r->max_rss_bytes, NULL},
        {"instructions", &r->instructions, NULL},
        {"cycles", &r->cycles, NULL},
        {"branch_misses", &r->branch_misses, NULL},
        {"log_bytes", &r->log_bytes, NULL},
        {"hole_from", &r->hole_from, NULL},
        {"hole_to", &r->hole_to, NULL},
        {"killed", NULL, &r->killed},
    };
    memcpy(out, rows, sizeof rows);
}

void attempt_record_encode(const char *token, const struct attempt_record *r, struct str *out)
{
    struct attempt_record copy = *r;
    struct number rows[N_NUMBERS];
    numbers_of(&copy, rows);
    size_t from = line_begin(out, "exit", token);
    put(out, "cause", cause_words[r->cause]);
    for (int i = 0; i < N_NUMBERS; i++)
        put_int(out, rows[i].key, rows[i].wide ? *rows[i].wide : *rows[i].narrow);
    if (r->unkillable[0]) {
        size_t at = out->len + sizeof " unkillable=" - 1;
        put(out, "unkillable", r->unkillable);
        for (; at < out->len; at++)
            if (out->p[at] == ' ')
                out->p[at] = ',';
    }
    line_end(out, from);
}

/* A checked line, cut into words. */
struct line {
    const char *at, *end; /* behind MAGIC; before the crc */
};

/* The whole line at *at: false when it is torn. Moves *at behind it. */
static bool line_take(const char **at, const char *end, struct line *ret)
{
    const char *nl = memchr(*at, '\n', (size_t)(end - *at));
    if (!nl || (size_t)(nl - *at) < sizeof MAGIC - 1 + CRC_LEN ||
        memcmp(*at, MAGIC, sizeof MAGIC - 1) != 0)
        return false;
    char want[CRC_LEN + 1];
    snprintf(want, sizeof want, " crc=%08x", attempt_crc32(*at, (size_t)(nl - *at) - CRC_LEN));
    if (memcmp(nl - CRC_LEN, want, CRC_LEN) != 0)
        return false;
    *ret = (struct line){*at + sizeof MAGIC - 1, nl - CRC_LEN};
    *at = nl + 1;
    return true;
}

/* The next word; false at the end. */
static bool word_take(struct line *l, const char **word, size_t *len)
{
    while (l->at < l->end && *l->at == ' ')
        l->at++;
    if (l->at == l->end)
        return false;
    const char *space = memchr(l->at, ' ', (size_t)(l->end - l->at));
    *word = l->at;
    *len = (size_t)((space ? space : l->end) - l->at);
    l->at += *len;
    return true;
}

/* The value of key= in the line; NULL when it has none. */
static const char *value_of(struct line l, const char *key, size_t *len)
{
    size_t key_len = strlen(key);
    const char *word;
    size_t n;
    while (word_take(&l, &word, &n))
        if (n > key_len && word[key_len] == '=' && memcmp(word, key, key_len) == 0) {
            *len = n - key_len - 1;
            return word + key_len + 1;
        }
    return NULL;
}

static bool int_of(struct line l, const char *key, int64_t min, int64_t *ret)
{
    size_t len;
    const char *v = value_of(l, key, &len);
    return v && attempt_parse_int(v, len, min, ret);
}

static bool text_of(struct line l, const char *key, char *to, size_t size)
{
    size_t len;
    const char *v = value_of(l, key, &len);
    if (!v || len >= size || memchr(v, 0, len))
        return false;
    memcpy(to, v, len);
    to[len] = 0;
    return true;
}

static bool claim_take(struct line l, struct attempt_claim *c)
{
    int64_t pid;
    *c = (struct attempt_claim){0};
    if (!int_of(l, "pid", 1, &pid) || pid > INT32_MAX || !int_of(l, "start", 0, &c->start) ||
        !text_of(l, "boot", c->boot, sizeof c->boot) || !int_of(l, "at_us", 0, &c->at_us) ||
        !text_of(l, "cgroup", c->cgroup, sizeof c->cgroup))
        return false;
    c->pid = (pid_t)pid;
    return true;
}

static bool record_take(struct line l, struct attempt_record *r)
{
    attempt_record_init(r);
    struct number rows[N_NUMBERS];
    numbers_of(r, rows);
    for (int i = 0; i < N_NUMBERS; i++) {
        int64_t v;
        if (!int_of(l, rows[i].key, -1, &v) || (rows[i].narrow && v > INT32_MAX))
            return false;
        if (rows[i].wide)
            *rows[i].wide = v;
        else
            *rows[i].narrow = (int32_t)v;
    }
    if (text_of(l, "unkillable", r->unkillable, sizeof r->unkillable))
        for (char *c = r->unkillable; *c; c++)
            if (*c == ',')
                *c = ' ';
    char cause[32];
    if (!text_of(l, "cause", cause, sizeof cause))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(cause_words); i++)
        if (strcmp(cause, cause_words[i]) == 0) {
            r->cause = (int)i;
            return true;
        }
    return false;
}

static bool is_kind(struct line l, const char *kind)
{
    const char *word;
    size_t n;
    return word_take(&l, &word, &n) && n == strlen(kind) && memcmp(word, kind, n) == 0;
}

static bool has_token(struct line l, const char *token)
{
    size_t len;
    const char *v = value_of(l, "token", &len);
    return v && len == strlen(token) && memcmp(v, token, len) == 0;
}

void attempt_run_decode(const char *bytes, size_t len, const char *token, struct attempt_run *ret)
{
    const char *at = bytes, *end = bytes + len;
    struct line l;
    ret->state = ATTEMPT_RUN_ABSENT;
    if (!len)
        return;
    ret->state = ATTEMPT_RUN_TORN;
    if (!line_take(&at, end, &l))
        return;
    bool is_void = is_kind(l, "void");
    if (!is_void && !(is_kind(l, "claim") && claim_take(l, &ret->claim)))
        return;
    ret->state = ATTEMPT_RUN_WRONG_TOKEN;
    if (!has_token(l, token))
        return;
    ret->state = is_void ? ATTEMPT_RUN_VOID : ATTEMPT_RUN_CLAIMED;
    if (is_void || at == end)
        return;
    bool whole = line_take(&at, end, &l) && is_kind(l, "exit") && has_token(l, token) &&
                 record_take(l, &ret->record);
    ret->state = whole ? ATTEMPT_RUN_ENDED : ATTEMPT_RUN_EXIT_TORN;
}

int attempt_run_read(int fd, const char *token, struct attempt_run *ret)
{
    char bytes[ATTEMPT_RUN_FILE_MAX];
    size_t len = 0;
    while (len < sizeof bytes) {
        ssize_t n = pread(fd, bytes + len, sizeof bytes - len, (off_t)len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (!n)
            break;
        len += (size_t)n;
    }
    attempt_run_decode(bytes, len, token, ret);
    return 0;
}
