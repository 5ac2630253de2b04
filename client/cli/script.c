#include "script.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

#define SCRIPT_MAX ((size_t)1 << 20) /* bytes; the daemon takes no more */
#define HEAD       ((size_t)4096)    /* bytes in which a binary shows a NUL */

bool script_is_meant(const char *word)
{
    struct stat st;
    if (strcmp(word, "-") == 0)
        return true;
    if (stat(word, &st) != 0 || S_ISDIR(st.st_mode))
        return false;
    return strchr(word, '/') != NULL || access(word, X_OK) == 0;
}

static char *wrong(const char *path, const char *why)
{
    struct cail_buf b = CAIL_BUF_INIT;
    cail_buf_addf(&b, "%s: %s", strcmp(path, "-") == 0 ? "standard input" : path, why);
    return cli_take(&b);
}

static char *read_all(struct cail_buf *b, const char *path)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    char piece[16384], *why = fd < 0 ? wrong(path, strerror(errno)) : NULL;
    while (why == NULL) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            why = wrong(path, strerror(errno));
        if (n <= 0)
            break;
        cail_buf_add(b, piece, (size_t)n);
        if (memchr(b->p, '\0', b->len < HEAD ? b->len : HEAD) != NULL)
            break; /* a program: only its path is sent */
        if (b->len > SCRIPT_MAX)
            why = wrong(path, "a script of more than 1 MiB is not taken");
    }
    if (fd >= 0 && !is_stdin)
        close(fd);
    return why;
}

/* The name of the interpreter in "#!/usr/bin/env -S bash -e" or "#!/bin/sh". */
static size_t interpreter(const char *text, const char **ret)
{
    const char *p = text + 2;
    size_t len = 0;
    for (bool after_env = true; after_env;) {
        p += strspn(p, " \t");
        len = strcspn(p, " \t\r\n");
        const char *slash = memrchr(p, '/', len);
        if (slash != NULL) {
            len -= (size_t)(slash + 1 - p);
            p = slash + 1;
        }
        after_env = (len == 3 && memcmp(p, "env", 3) == 0) || (len > 0 && p[0] == '-');
        if (after_env)
            p += len;
    }
    *ret = p;
    return len;
}

static bool for_a_shell(const char *text)
{
    static const char *const shells[] = {"sh", "bash", "dash", "ksh"};
    const char *name;
    if (strncmp(text, "#!", 2) != 0)
        return true;
    size_t len = interpreter(text, &name);
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++)
        if (strlen(shells[i]) == len && memcmp(shells[i], name, len) == 0)
            return true;
    return false;
}

static void add_word(struct script *s, struct cail_buf *word)
{
    s->words = reallocarray(s->words, s->n_words + 1, sizeof *s->words);
    if (s->words == NULL)
        abort();
    s->words[s->n_words++] = cli_take(word);
}

/* Words of one line, '...' and "..." as in a shell, \ before any character. */
static bool split(struct script *s, const char *p, const char *end)
{
    struct cail_buf word = CAIL_BUF_INIT;
    bool inside = false;
    char quote = 0;
    for (; p < end; p++) {
        if (quote == 0 && (*p == ' ' || *p == '\t' || *p == '\r')) {
            if (inside)
                add_word(s, &word);
            inside = false;
            continue;
        }
        inside = true;
        if (*p == quote)
            quote = 0;
        else if (quote == 0 && (*p == '\'' || *p == '"'))
            quote = *p;
        else if (*p == '\\' && quote != '\'' && p + 1 < end)
            cail_buf_addc(&word, *++p);
        else
            cail_buf_addc(&word, *p);
    }
    if (inside)
        add_word(s, &word);
    return quote == 0;
}

/* Reads the `#CAIL` lines and makes them plain comments: the daemon reads such lines too, by fewer
 * options, and what is said here must not be said twice. */
static char *read_options(struct script *s, const char *path)
{
    for (char *p = s->text; *p != '\0';) {
        char *end = strchrnul(p, '\n');
        if (strncmp(p, "#CAIL", 5) == 0 && (p[5] == ' ' || p[5] == '\t')) {
            if (!split(s, p + 5, end))
                return wrong(path, "a #CAIL line has a quote without its end");
            memcpy(p, "#cail", 5);
        }
        p = *end != '\0' ? end + 1 : end;
    }
    return NULL;
}

/* "set -- 'a' 'it'\''s'" takes the place of the first line if that is the shebang (the daemon runs
 * scripts by bash), else stands before it. */
static void give_arguments(struct script *s, const char *const args[], size_t n)
{
    struct cail_buf b = CAIL_BUF_INIT;
    cail_buf_adds(&b, "set --");
    for (size_t i = 0; i < n; i++) {
        cail_buf_adds(&b, " '");
        for (const char *p = args[i]; *p != '\0'; p++) {
            if (*p == '\'')
                cail_buf_adds(&b, "'\\''");
            else
                cail_buf_addc(&b, *p);
        }
        cail_buf_addc(&b, '\'');
    }
    cail_buf_addc(&b, '\n');
    const char *rest = s->text;
    if (strncmp(rest, "#!", 2) == 0) {
        rest = strchrnul(rest, '\n');
        rest += *rest == '\n';
    }
    cail_buf_adds(&b, rest);
    free(s->text);
    s->len = b.len;
    s->text = cli_take(&b);
}

char *script_read(struct script *s, const char *path, const char *const args[], size_t n)
{
    struct cail_buf b = CAIL_BUF_INIT;
    *s = (struct script){0};
    char *why = read_all(&b, path);
    if (why != NULL) {
        cail_buf_done(&b);
        return why;
    }
    size_t len = b.len;
    s->text = cli_take(&b);
    s->len = len;
    bool binary = memchr(s->text, '\0', len) != NULL;
    s->program = binary || !for_a_shell(s->text);
    if (s->program && strcmp(path, "-") == 0)
        return wrong(path, "wants a shell script");
    if (s->program && access(path, X_OK) != 0)
        return wrong(path, "is no shell script and not executable (chmod +x)");
    if (!binary && s->len == 0)
        return wrong(path, "is empty");
    why = binary ? NULL : read_options(s, path);
    if (why == NULL && !s->program && n > 0)
        give_arguments(s, args, n);
    if (why == NULL && !s->program) {
        json_t *text = json_stringn(s->text, s->len);
        why = text == NULL ? wrong(path, "is not UTF-8 text") : NULL;
        json_decref(text);
    }
    return why;
}

void script_done(struct script *s)
{
    for (size_t i = 0; i < s->n_words; i++)
        free(s->words[i]);
    free(s->words);
    free(s->text);
    *s = (struct script){0};
}
