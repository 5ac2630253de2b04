/* /proc, on the worker pool. */
#include "gpu/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uthash.h>

#include "attempt/files.h"
#include "base/fsx.h"
#include "base/mem.h"

enum { PARENTS_MAX = 16, BATCH_MAX = 32, KEPT_MAX = 4096, ENVIRON_MAX = 64 << 10 };

/* --- one process, blocking --- */

/* At most size - 1 bytes of a file of the process; NUL-terminated. -1 = cannot. */
static ssize_t read_some(const char *proc, pid_t pid, const char *name, char *out, size_t size)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%d/%s", proc, (int)pid, name);
    CLEANUP(fsx_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    size_t have = 0;
    while (fd >= 0 && have + 1 < size) {
        ssize_t n = read(fd, out + have, size - 1 - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    out[have] = 0;
    return fd < 0 ? -1 : (ssize_t)have;
}

static size_t token_len(const char *s)
{
    return strspn(s, "0123456789abcdef");
}

/* A token of ours is RND_TOKEN_LEN - 1 hex digits; what follows must end it. */
static bool take_token(const char *s, const char *ends, char out[RND_TOKEN_LEN])
{
    if (token_len(s) != RND_TOKEN_LEN - 1 || !memchr(ends, s[RND_TOKEN_LEN - 1], strlen(ends) + 1))
        return false;
    memcpy(out, s, RND_TOKEN_LEN - 1);
    out[RND_TOKEN_LEN - 1] = 0;
    return true;
}

/* ".../cail-<token>" or below it, in any hierarchy (attempt/cgroup.h makes the name). */
static bool token_of_cgroup(const char *proc, pid_t pid, char out[RND_TOKEN_LEN])
{
    char text[8192];
    if (read_some(proc, pid, "cgroup", text, sizeof text) < 0)
        return false;
    for (const char *at = text; (at = strstr(at, "/cail-"));) {
        at += sizeof "/cail-" - 1;
        if (take_token(at, "/\n", out))
            return true;
    }
    return false;
}

/* The variable stands in front (exec/spawn.c puts it there), so a bounded read finds it. */
static bool token_of_environ(const char *proc, pid_t pid, char out[RND_TOKEN_LEN])
{
    static const char key[] = ATTEMPT_TOKEN_VAR "=";
    CLEANUP(mem_freep) char *text = mem_zalloc(ENVIRON_MAX);
    ssize_t n = read_some(proc, pid, "environ", text, ENVIRON_MAX);
    for (ssize_t at = 0; at < n; at += (ssize_t)strlen(text + at) + 1)
        if (strncmp(text + at, key, sizeof key - 1) == 0)
            return take_token(text + at + sizeof key - 1, "", out);
    return false;
}

/* The command's name may hold anything, so the fields are counted from the last ')'. */
static bool read_stat(const char *proc, pid_t pid, pid_t *parent, uint64_t *start, char comm[64])
{
    char text[1024];
    if (read_some(proc, pid, "stat", text, sizeof text) <= 0)
        return false;
    char *open_at = strchr(text, '('), *close_at = strrchr(text, ')');
    if (!open_at || !close_at || close_at < open_at || close_at[1] != ' ')
        return false;
    int ppid;
    unsigned long long ticks;
    if (sscanf(close_at + 2,
               "%*c %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
               &ppid, &ticks) != 2)
        return false;
    *parent = (pid_t)ppid;
    *start = ticks;
    snprintf(comm, 64, "%.*s", (int)(close_at - open_at - 1), open_at + 1);
    return true;
}

static void find_user(const char *proc, pid_t pid, struct owner_facts *f)
{
    char text[4096], buf[4096];
    if (read_some(proc, pid, "status", text, sizeof text) < 0)
        return;
    const char *at = strstr(text, "\nUid:");
    unsigned uid;
    if (!at || sscanf(at, "\nUid: %*u %u", &uid) != 1) /* the effective one */
        return;
    f->uid = (uid_t)uid;
    struct passwd pw, *got = NULL;
    if (!getpwuid_r(f->uid, &pw, buf, sizeof buf, &got) && got)
        snprintf(f->user, sizeof f->user, "%s", pw.pw_name);
    else
        snprintf(f->user, sizeof f->user, "uid %u", uid);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* "python train.py": the program and, of its arguments, only one that is a file's name: others may
 * be somebody's secrets. */
static void find_command(const char *proc, pid_t pid, struct owner_facts *f)
{
    char text[4096];
    ssize_t n = read_some(proc, pid, "cmdline", text, sizeof text);
    if (n <= 0 || !text[0])
        return;
    const char *arg = text + strlen(text) + 1, *name = arg < text + n ? last_part(arg) : "";
    bool script = arg < text + n && *arg != '-' && strchr(name, '.') && !strchr(name, '=');
    snprintf(f->command, sizeof f->command, "%s%s%s", last_part(text), script ? " " : "",
             script ? name : "");
}

static void clean_text(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 127)
            *s = '?';
}

void owner_look(const char *proc, pid_t pid, struct owner_facts *ret)
{
    pid_t at = pid, parent;
    uint64_t start;
    char comm[64];
    *ret = (struct owner_facts){.uid = (uid_t)-1};
    if (!read_stat(proc, pid, &parent, &ret->start_ticks, ret->command))
        return;
    ret->seen = true;
    for (int i = 0; i < PARENTS_MAX && at > 1; i++) {
        if (token_of_cgroup(proc, at, ret->token) || token_of_environ(proc, at, ret->token))
            break;
        at = parent;
        if (at <= 1 || !read_stat(proc, at, &parent, &start, comm))
            break;
    }
    find_user(proc, pid, ret);
    find_command(proc, pid, ret);
    clean_text(ret->command);
    clean_text(ret->user);
}

/* --- what is known --- */

struct owner {
    pid_t pid;
    bool answered; /* facts are an answer, and the process was there to be looked at */
    bool wanted;   /* to be looked up, or again */
    struct owner_facts facts;
    int64_t first_us, asked_us, checked_us;
    UT_hash_handle hh;
};

struct look {
    uv_work_t work;
    struct owners *owners; /* NULL: freed meanwhile */
    size_t n;
    pid_t pid[BATCH_MAX];
    struct owner_facts facts[BATCH_MAX];
};

struct owners {
    uv_loop_t *loop;
    void (*found)(void *arg);
    void *arg;
    struct owner *known;
    struct look *under_way;
};

static void start_look(struct owners *o);

static void on_look(uv_work_t *w)
{
    struct look *l = w->data;
    for (size_t i = 0; i < l->n; i++)
        owner_look("/proc", l->pid[i], &l->facts[i]);
}

static void after_look(uv_work_t *w, int status)
{
    struct look *l = w->data;
    struct owners *o = l->owners;
    for (size_t i = 0; o && !status && i < l->n; i++) {
        struct owner *x = NULL;
        HASH_FIND(hh, o->known, &l->pid[i], sizeof l->pid[i], x);
        /* Gone before it was seen: the card's list was a moment old. Asked again if it stays. */
        if (x && l->facts[i].seen) {
            x->facts = l->facts[i];
            x->answered = true;
        }
    }
    free(l);
    if (!o)
        return;
    o->under_way = NULL;
    o->found(o->arg);
    start_look(o);
}

static void start_look(struct owners *o)
{
    struct owner *x, *next;
    struct look *l = NULL;
    if (o->under_way)
        return;
    HASH_ITER(hh, o->known, x, next) {
        if (!x->wanted || (l && l->n == BATCH_MAX))
            continue;
        if (!l)
            l = mem_zalloc(sizeof *l);
        x->wanted = false;
        l->pid[l->n++] = x->pid;
    }
    if (!l)
        return;
    l->owners = o;
    l->work.data = l;
    o->under_way = l;
    if (uv_queue_work(o->loop, &l->work, on_look, after_look)) {
        o->under_way = NULL;
        free(l);
    }
}

struct owners *owners_new(uv_loop_t *loop, void (*found)(void *arg), void *arg)
{
    struct owners *o = mem_zalloc(sizeof *o);
    *o = (struct owners){.loop = loop, .found = found, .arg = arg};
    return o;
}

static void forget_old(struct owners *o, int64_t now)
{
    struct owner *x, *next;
    HASH_ITER(hh, o->known, x, next)
        if (now - x->asked_us > OWNER_FORGET_US) {
            HASH_DEL(o->known, x);
            free(x);
        }
}

static struct owner *find(struct owners *o, pid_t pid, int64_t now)
{
    struct owner *x = NULL;
    HASH_FIND(hh, o->known, &pid, sizeof pid, x);
    if (x)
        return x;
    forget_old(o, now);
    if (HASH_COUNT(o->known) >= KEPT_MAX)
        return NULL;
    x = mem_zalloc(sizeof *x);
    *x = (struct owner){.pid = pid, .first_us = now, .wanted = true, .checked_us = now};
    HASH_ADD(hh, o->known, pid, sizeof x->pid, x);
    return x;
}

/* Once a second: is that pid still the process that was looked up? stat alone never waits. */
static void check(struct owner *x, int64_t now)
{
    pid_t parent;
    uint64_t start;
    char comm[64];
    if (now - x->checked_us < 1000000)
        return;
    x->checked_us = now;
    if (!x->answered) {
        x->wanted = true;
    } else if (read_stat("/proc", x->pid, &parent, &start, comm) && start != x->facts.start_ticks) {
        x->answered = false;
        x->wanted = true;
        x->first_us = now;
    }
}

void owners_ask(struct owners *o, struct gpu_proc *p, int64_t now)
{
    struct owner *x = find(o, p->pid, now);
    p->uid = (uid_t)-1;
    p->token[0] = p->user[0] = p->command[0] = 0;
    if (!x) { /* thousands of processes on the cards: none of them is proven ours */
        p->known = true;
        return;
    }
    x->asked_us = now;
    check(x, now);
    if (x->wanted)
        start_look(o);
    p->known = x->answered || now - x->first_us > OWNER_PATIENCE_US;
    if (!x->answered)
        return;
    p->uid = x->facts.uid;
    memcpy(p->token, x->facts.token, sizeof p->token);
    memcpy(p->user, x->facts.user, sizeof p->user);
    memcpy(p->command, x->facts.command, sizeof p->command);
}

void owners_free(struct owners *o)
{
    struct owner *x, *next;
    if (o->under_way) {
        o->under_way->owners = NULL;
        uv_cancel((uv_req_t *)&o->under_way->work);
    }
    HASH_ITER(hh, o->known, x, next) {
        HASH_DEL(o->known, x);
        free(x);
    }
    free(o);
}
