#include "git_url.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define URL_MAX 500

static const char *const schemes[] = {"https://", "http://", "ssh://", "git://", "file://"};

static size_t scheme_len(const char *url)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0)
            return strlen(schemes[i]);
    return 0;
}

/* Length of the host part of "user@host:path"; 0 = it is no such URL. */
static size_t scp_host(const char *url)
{
    size_t n = strcspn(url, ":/");
    return isalnum((unsigned char)url[0]) && url[n] == ':' && url[n + 1] != '\0' &&
                   url[n + 1] != ':' && strncmp(url + n, "://", 3) != 0
               ? n
               : 0;
}

const char *git_url_wrong(const char *url)
{
    for (const char *p = url; *p != '\0'; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return "a repository's URL holds no white space or control character";
    size_t skip = scheme_len(url);
    if (strlen(url) >= URL_MAX)
        return "a repository's URL has less than 500 bytes";
    if (strstr(url, "::") != NULL)
        return "URLs of the kind PROGRAM::ADDRESS are not taken";
    if (skip == 0 && url[0] != '/' && scp_host(url) == 0)
        return "a repository's URL is https://..., ssh://..., git://..., file:///..., an absolute "
               "path or USER@HOST:PATH";
    size_t host = strcspn(url + skip, "/");
    const char *at = skip > 0 ? memchr(url + skip, '@', host) : NULL;
    if (at != NULL && memchr(url + skip, ':', (size_t)(at - url) - skip) != NULL)
        return "the URL holds a password: git's credential helper is the place for it";
    if (skip > 0 && (url[skip] == '-' || (at != NULL && at[1] == '-')))
        return "a host does not begin with '-'";
    return url[skip] != '\0' ? NULL : "the URL names no host";
}

struct parts {
    char host[URL_MAX]; /* "" = a path of this machine */
    char path[PATH_MAX];
};

/* Without '/' at both ends and ".git". */
static void trim_path(const char *path, size_t len, char out[PATH_MAX])
{
    while (len > 0 && path[0] == '/') {
        path++;
        len--;
    }
    for (bool more = true; more;) {
        more = false;
        while (len > 0 && path[len - 1] == '/')
            len--;
        if (len > 4 && strncasecmp(path + len - 4, ".git", 4) == 0) {
            len -= 4;
            more = true;
        }
    }
    snprintf(out, PATH_MAX, "%.*s", (int)(len < PATH_MAX ? len : PATH_MAX - 1), path);
}

static void local_parts(const char *path, struct parts *ret)
{
    char real[PATH_MAX];
    const char *use = realpath(path, real) != NULL ? real : path;
    trim_path(use, strlen(use), ret->path);
    ret->host[0] = '\0';
}

/* "%2e" and the like hide nothing. */
static void decode(const char *text, char out[URL_MAX])
{
    size_t n = 0;
    for (; *text != '\0' && n + 1 < URL_MAX; text++) {
        unsigned byte;
        if (text[0] == '%' && isxdigit((unsigned char)text[1]) &&
            isxdigit((unsigned char)text[2]) && sscanf(text + 1, "%2x", &byte) == 1 && byte != 0) {
            out[n++] = (char)byte;
            text += 2;
        } else {
            out[n++] = *text;
        }
    }
    out[n] = '\0';
}

static void split(const char *url, struct parts *ret)
{
    char text[URL_MAX];
    decode(url, text);
    size_t skip = scheme_len(text), scp = skip == 0 ? scp_host(text) : 0;
    if (strncasecmp(text, "file://", 7) == 0) {
        const char *path = strchr(text + 7, '/');
        local_parts(path != NULL ? path : "/", ret);
        return;
    }
    if (skip == 0 && scp == 0) {
        local_parts(text, ret);
        return;
    }
    const char *host = text + skip;
    size_t len = skip > 0 ? strcspn(host, "/?#") : scp;
    const char *rest = host + len + (skip == 0);
    const char *at = memchr(host, '@', len);
    if (at != NULL) {
        len -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    size_t name = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    len = name < len ? name : len;
    if (len > 0 && host[len - 1] == '.')
        len--;
    if (strncasecmp(host, "www.", 4) == 0 && len > 4) {
        host += 4;
        len -= 4;
    }
    snprintf(ret->host, sizeof ret->host, "%.*s", (int)len, host);
    trim_path(rest, strcspn(rest, "?#"), ret->path);
}

bool git_url_same(const char *a, const char *b)
{
    struct parts x, y;
    split(a, &x);
    split(b, &y);
    /* ssh.github.com serves what github.com does. */
    const char *hx = strncasecmp(x.host, "ssh.", 4) == 0 ? x.host + 4 : x.host;
    const char *hy = strncasecmp(y.host, "ssh.", 4) == 0 ? y.host + 4 : y.host;
    return strcasecmp(hx, hy) == 0 && strcasecmp(x.path, y.path) == 0;
}

char *git_url_owner(const char *url)
{
    struct parts p;
    split(url, &p);
    char *last = strrchr(p.path, '/');
    if (last == NULL)
        return NULL;
    *last = '\0';
    const char *owner = strrchr(p.path, '/');
    owner = owner != NULL ? owner + 1 : p.path;
    size_t n = strlen(owner);
    if (n == 0 || n > 100 || owner[0] == '-')
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)owner[i]) && strchr("-_.", owner[i]) == NULL)
            return NULL;
    return strdup(owner);
}

bool git_topic_name(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && n <= 64 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == n &&
           isalnum((unsigned char)name[0]) && strstr(name, "..") == NULL && name[n - 1] != '.' &&
           (n < 5 || strcmp(name + n - 5, ".lock") != 0);
}

bool git_branch_name(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > 200 || name[0] == '-' || name[0] == '/' || name[n - 1] == '/' ||
        name[n - 1] == '.' || strstr(name, "..") != NULL || strstr(name, "//") != NULL ||
        strstr(name, "@{") != NULL || strpbrk(name, " ~^:?*[\\") != NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f)
            return false;
    return n < 5 || strcmp(name + n - 5, ".lock") != 0;
}
