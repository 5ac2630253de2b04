#include "args.h"

#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const struct opt *find_long(const struct opt *const tables[], const char *name, size_t len)
{
    for (size_t t = 0; tables[t] != NULL; t++)
        for (const struct opt *o = tables[t]; o->name != NULL; o++)
            if (strncmp(o->name, name, len) == 0 && o->name[len] == '\0')
                return o;
    return NULL;
}

static const struct opt *find_letter(const struct opt *const tables[], char letter)
{
    for (size_t t = 0; tables[t] != NULL; t++)
        for (const struct opt *o = tables[t]; o->name != NULL; o++)
            if (o->letter == letter)
                return o;
    return NULL;
}

static void *grown(void *p, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return p;
    *cap = *cap == 0 ? 16 : 2 * *cap;
    p = reallocarray(p, *cap, size);
    if (p == NULL)
        abort();
    return p;
}

static void add_given(struct args *a, const struct opt *opt, const char *value)
{
    a->given = grown(a->given, a->n_given, &a->cap_given, sizeof *a->given);
    a->given[a->n_given++] = (struct given){opt, value};
}

static void add_word(struct args *a, const char *word)
{
    a->word = grown(a->word, a->n_words, &a->cap_words, sizeof *a->word);
    a->word[a->n_words++] = word;
}

static char *complain(const char *what, const char *name, const char *then)
{
    struct cail_buf b = CAIL_BUF_INIT;
    cail_buf_addf(&b, "%s %s%s", what, name, then);
    return cli_take(&b);
}

static char *unknown_long(const struct opt *const tables[], const char *word)
{
    struct cail_buf b = CAIL_BUF_INIT;
    char *name = strndup(word + 2, strcspn(word + 2, "="));
    cail_buf_addf(&b, "there is no option --%s", name != NULL ? name : "");
    for (size_t t = 0; tables[t] != NULL && name != NULL; t++)
        for (const struct opt *o = tables[t]; o->name != NULL; o++)
            if (cli_resembles(name, o->name))
                cail_buf_addf(&b, "; did you mean --%s?", o->name);
    free(name);
    return cli_take(&b);
}

/* *at stands on a word that begins with "--"; moves it over the value. */
static char *long_option(struct args *a, const struct opt *const tables[], const char *const argv[],
                         size_t n, size_t *at)
{
    const char *word = argv[*at], *equals = strchr(word, '=');
    size_t len = equals != NULL ? (size_t)(equals - word) - 2 : strlen(word + 2);
    const struct opt *o = find_long(tables, word + 2, len);
    if (o == NULL)
        return unknown_long(tables, word);
    if (o->arg == NULL) {
        if (equals != NULL)
            return complain("--", o->name, " takes no value");
        add_given(a, o, "");
    } else if (equals != NULL) {
        add_given(a, o, equals + 1);
    } else if (*at + 1 < n) {
        add_given(a, o, argv[++*at]);
    } else {
        struct cail_buf b = CAIL_BUF_INIT;
        cail_buf_addf(&b, "--%s wants a value: --%s %s", o->name, o->name, o->arg);
        return cli_take(&b);
    }
    return NULL;
}

/* -d, -p x, -px, -dp x */
static char *short_options(struct args *a, const struct opt *const tables[],
                           const char *const argv[], size_t n, size_t *at)
{
    for (const char *p = argv[*at] + 1; *p != '\0'; p++) {
        const char name[] = {'-', *p, '\0'};
        const struct opt *o = find_letter(tables, *p);
        if (o == NULL)
            return complain("there is no option", name, "");
        if (o->arg == NULL) {
            add_given(a, o, "");
            continue;
        }
        if (p[1] != '\0')
            add_given(a, o, p + 1);
        else if (*at + 1 < n)
            add_given(a, o, argv[++*at]);
        else
            return complain(name, o->arg, ": the value is missing");
        break;
    }
    return NULL;
}

char *args_parse(struct args *a, const struct opt *const tables[], const char *const argv[],
                 size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *word = argv[i];
        char *wrong = NULL;
        if (strcmp(word, "--") == 0) {
            a->rest = cli_alloc(n - i, sizeof *a->rest);
            for (i++; i < n; i++)
                a->rest[a->n_rest++] = argv[i];
        } else if (strncmp(word, "--", 2) == 0) {
            wrong = long_option(a, tables, argv, n, &i);
        } else if (word[0] == '-' && word[1] != '\0') {
            wrong = short_options(a, tables, argv, n, &i);
        } else {
            add_word(a, word);
        }
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

void args_merge(struct args *first, const struct args *later)
{
    for (size_t i = 0; i < later->n_given; i++)
        add_given(first, later->given[i].opt, later->given[i].value);
}

void args_done(struct args *a)
{
    for (size_t i = 0; i < a->n_owned; i++)
        free(a->owned[i]);
    free(a->owned);
    free(a->given);
    free(a->word);
    free(a->rest);
    *a = (struct args){0};
}

const char *args_value(const struct args *a, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < a->n_given; i++)
        if (strcmp(a->given[i].opt->name, name) == 0)
            value = a->given[i].value;
    return value;
}

bool args_flag(const struct args *a, const char *name)
{
    return args_value(a, name) != NULL;
}

const char *args_next(const struct args *a, const char *name, size_t *at)
{
    while (*at < a->n_given) {
        const struct given *g = &a->given[(*at)++];
        if (strcmp(g->opt->name, name) == 0)
            return g->value;
    }
    return NULL;
}
