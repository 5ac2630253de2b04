/* Where we are in the cgroup tree. */
#include "attempt/cgroup.h"

#include <stdio.h>
#include <string.h>

#include "base/attr.h"

#define PREFIX "/cail-"

/* Field n (from 0) of a line of words. */
static const char *field(const char *line, const char *end, int n, size_t *len)
{
    const char *at = line;
    for (;; n--) {
        const char *space = memchr(at, ' ', (size_t)(end - at));
        if (!n) {
            *len = (size_t)((space ? space : end) - at);
            return at;
        }
        if (!space)
            return NULL;
        at = space + 1;
    }
}

/* Is this mountinfo line one of cgroup2? Gives its root (what of the tree it shows) and point. */
static bool is_cgroup2(const char *line, const char *end, const char **root, size_t *root_len,
                       const char **point, size_t *point_len)
{
    static const char type[] = " - cgroup2 ";
    return memmem(line, (size_t)(end - line), type, sizeof type - 1) &&
           (*root = field(line, end, 3, root_len)) && (*point = field(line, end, 4, point_len));
}

/* The path of "0::<path>" in /proc/self/cgroup. */
static const char *own_path(const char *text, size_t *len)
{
    for (const char *at = text; at && *at;) {
        const char *end = strchrnul(at, '\n');
        if (strncmp(at, "0::/", 4) == 0) {
            *len = (size_t)(end - at) - 3;
            return at + 3;
        }
        at = *end ? end + 1 : NULL;
    }
    return NULL;
}

/* Octal escapes (a space in a mount point) and control bytes are not worth supporting: such a
 * machine works without cgroups. */
static bool is_plain(const char *path)
{
    for (; *path; path++)
        if (*path <= ' ' || *path == '\\' || *path == 127)
            return false;
    return true;
}

bool attempt_cgroup_parse(const char *mountinfo, const char *cgroup, char *out, size_t size)
{
    size_t own_len;
    const char *own = own_path(cgroup, &own_len);
    if (!own || memmem(own, own_len, "/..", 3))
        return false; /* "/../x" = outside of our cgroup namespace */
    for (const char *at = mountinfo; *at;) {
        const char *end = strchrnul(at, '\n'), *root, *point;
        size_t root_len, point_len;
        if (is_cgroup2(at, end, &root, &root_len, &point, &point_len)) {
            if (root_len == 1)
                root_len = 0;
            if (own_len < root_len || memcmp(own, root, root_len) != 0)
                return false;
            const char *below = own + root_len;
            size_t below_len = own_len - root_len;
            if (below_len == 1)
                below_len = 0;
            int n = snprintf(out, size, "%.*s%.*s", (int)point_len, point, (int)below_len, below);
            return n > 0 && (size_t)n < size && is_plain(out);
        }
        at = *end ? end + 1 : end;
    }
    return false;
}

bool attempt_cgroup_name(const char *parent, const char *token, char *out, size_t size)
{
    int n = snprintf(out, size, "%s" PREFIX "%s", parent, token);
    return n > 0 && (size_t)n < size;
}

bool attempt_cgroup_is(const char *path, const char *token)
{
    const char *last = strrchr(path, '/');
    return path[0] == '/' && last && !strstr(path, "/../") &&
           strncmp(last, PREFIX, sizeof PREFIX - 1) == 0 &&
           strcmp(last + sizeof PREFIX - 1, token) == 0;
}
