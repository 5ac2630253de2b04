#include "container.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fmt.h"
#include "term.h"

static int wants(const struct cli *cli, const char *option, const char *value, const char *want)
{
    char *clean = term_clean(value);
    int code = cli_usage(cli, "--%s %s: wants %s", option, clean, want);
    free(clean);
    return code;
}

/* "FOLDER" of this shell as the daemon has to see it; NULL = not UTF-8. */
static json_t *source_of(const char *text, size_t len)
{
    struct cail_buf b = CAIL_BUF_INIT;
    char *here = text[0] == '/' ? NULL : getcwd(NULL, 0);
    char *part = strndup(text, len);
    if (part != NULL && here != NULL && strcmp(part, ".") == 0)
        cail_buf_adds(&b, here);
    else if (part != NULL && here != NULL)
        cail_buf_addf(&b, "%s/%s", here, strncmp(part, "./", 2) == 0 ? part + 2 : part);
    else if (part != NULL)
        cail_buf_adds(&b, part);
    free(here);
    free(part);
    char *path = cli_take(&b);
    json_t *v = json_string(path);
    free(path);
    return v;
}

/* SOURCE[:TARGET][:ro] */
static json_t *read_mount(const char *word)
{
    size_t len = strlen(word);
    bool readonly = len > 3 && strcmp(word + len - 3, ":ro") == 0;
    if (readonly)
        len -= 3;
    size_t source = strcspn(word, ":");
    source = source < len ? source : len;
    const char *target = source < len ? word + source + 1 : NULL;
    size_t target_len = target != NULL ? len - source - 1 : 0;
    if (source == 0 || (target != NULL && (target[0] != '/' || memchr(target, ':', target_len))))
        return NULL;
    json_t *m = cli_json(json_object());
    bool ok = json_object_set_new(m, "source", source_of(word, source)) == 0;
    if (target != NULL)
        ok = ok && json_object_set_new(m, "target", json_stringn(target, target_len)) == 0;
    if (readonly)
        json_object_set_new(m, "readonly", json_true());
    if (ok)
        return m;
    json_decref(m);
    return NULL;
}

/* Each value of an option into a list under key. */
static int set_list(struct cli *cli, json_t *container, const char *option, const char *key,
                    json_t *(*read)(const char *word), const char *want)
{
    size_t at = 0;
    const char *word;
    while ((word = args_next(&cli->args, option, &at)) != NULL) {
        json_t *list = json_object_get(container, key), *one = read(word);
        if (one == NULL)
            return wants(cli, option, word, want);
        if (list == NULL)
            json_object_set_new(container, key, list = cli_json(json_array()));
        json_array_append_new(list, one);
    }
    return 0;
}

static json_t *read_port(const char *word)
{
    int64_t n;
    return fmt_read_int(word, 1, 65535, &n) ? json_integer(n) : NULL;
}

static int set_text(struct cli *cli, json_t *container, const char *option, const char *key)
{
    const char *text = args_value(&cli->args, option);
    json_t *v = text != NULL ? json_string(text) : NULL;
    if (text != NULL && v == NULL)
        return wants(cli, option, text, "UTF-8 text");
    if (v != NULL)
        json_object_set_new(container, key, v);
    return 0;
}

int container_members(struct cli *cli, json_t *body)
{
    static const char *const its[] = {"mount", "network", "shm", "engine", "publish"};
    const char *shm = args_value(&cli->args, "shm");
    int64_t mib;
    if (!args_flag(&cli->args, "image")) {
        for (size_t i = 0; i < sizeof its / sizeof its[0]; i++)
            if (args_flag(&cli->args, its[i]))
                return cli_usage(cli, "--%s belongs to an --image", its[i]);
        return 0;
    }
    json_t *c = cli_json(json_object());
    json_object_set_new(body, "container", c);
    int code = set_text(cli, c, "image", "image");
    if (code == 0)
        code = set_text(cli, c, "engine", "engine");
    if (code == 0)
        code = set_text(cli, c, "network", "network");
    if (code == 0)
        code = set_list(cli, c, "mount", "mounts", read_mount,
                        "FOLDER, FOLDER:/TARGET, and :ro behind it");
    if (code == 0)
        code = set_list(cli, c, "publish", "ports", read_port, "a port from 1 to 65535");
    if (code == 0 && shm != NULL && !fmt_read_mib(shm, &mib))
        code = wants(cli, "shm", shm, "a size such as 512M or 4G");
    if (code == 0 && shm != NULL)
        json_object_set_new(c, "shm_mib", json_integer(mib));
    return code;
}
