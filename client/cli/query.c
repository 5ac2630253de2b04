#include "query.h"

#include <string.h>

#include "fmt.h"

void query_add(struct cail_buf *path, const char *key, const char *value)
{
    if (value == NULL)
        return;
    bool first = path->p == NULL || strchr(path->p, '?') == NULL;
    cail_buf_addf(path, "%c%s=", first ? '?' : '&', key);
    cail_buf_encode(path, value);
}

void query_add_args(struct cail_buf *path, const struct args *a, const char *const names[],
                    size_t n)
{
    for (size_t i = 0; i < n; i++)
        query_add(path, names[i], args_value(a, names[i]));
}

bool query_add_since(struct cail_buf *path, const struct args *a)
{
    const char *text = args_value(a, "since");
    char at[FMT_MAX];
    int64_t s;
    if (text == NULL)
        return true;
    if (fmt_read_duration(text, &s)) {
        text = fmt_time(fmt_now_ms() - s * 1000, at);
    } else if (fmt_read_time_ms(text) < 0) {
        cail_buf_done(path);
        return false;
    }
    query_add(path, "since", text);
    return true;
}
