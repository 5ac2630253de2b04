/* Where the daemon is and which token it gets. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "internal.h"

#define DEFAULT_URL "http://localhost:8080"
#define TOKEN_MAX   512 /* bytes; a token is under 100 */

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* A full backlog (EAGAIN) is an answer too: somebody listens. */
static bool socket_answers(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof sa.sun_path)
        return false;
    memcpy(sa.sun_path, path, len + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool ok = connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0 || errno == EAGAIN;
    close(fd);
    return ok;
}

/* The first of the two usual sockets that answers; NULL = none. Caller frees. */
static char *usual_socket(void)
{
    const char *runtime = env("XDG_RUNTIME_DIR"), *state = env("XDG_STATE_HOME"),
               *home = env("HOME");
    char *tries[2] = {NULL, NULL};
    if (runtime != NULL)
        tries[0] = cail_path("%s/cail/cail.sock", runtime);
    if (state != NULL)
        tries[1] = cail_path("%s/cail/cail.sock", state);
    else if (home != NULL)
        tries[1] = cail_path("%s/.local/state/cail/cail.sock", home);
    char *found = NULL;
    for (int i = 0; i < 2; i++) {
        if (found == NULL && tries[i] != NULL && socket_answers(tries[i]))
            found = tries[i];
        else
            free(tries[i]);
    }
    return found;
}

static int use_socket(struct cail *c, const char *path)
{
    if (path[0] != '/' || strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return cail_i_fail(c, CAIL_EARGUMENT, "%s: a socket needs an absolute path of < %zu bytes",
                           path, sizeof((struct sockaddr_un *)NULL)->sun_path);
    c->socket = strdup(path);
    c->where = cail_path("unix:%s", path);
    c->base = strdup("http://localhost");
    c->loopback = true;
    return c->socket == NULL || c->where == NULL || c->base == NULL
               ? cail_i_fail(c, CAIL_ENOMEM, "out of memory")
               : CAIL_OK;
}

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0 || strcmp(host, "::1") == 0;
}

/* "localhost" needs no resolver, which would be a thread and half of what `cail ls` takes. */
static void know_localhost(struct cail *c, CURLU *u, const char *host)
{
    char *port = NULL;
    if (strcmp(host, "localhost") != 0 ||
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        return;
    char *line = cail_path("localhost:%s:127.0.0.1,[::1]", port);
    if (line != NULL)
        c->resolve = curl_slist_append(NULL, line);
    free(line);
    curl_free(port);
}

static int use_url(struct cail *c, const char *url)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *whole = NULL, *user = NULL;
    int rc = CAIL_OK;
    if (u == NULL || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
        rc = cail_i_fail(
            c, CAIL_EARGUMENT,
            "%s is no address of cail-d: write http://HOST:PORT, https://... or unix:PATH", url);
    } else if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK) {
        rc = cail_i_fail(c, CAIL_EARGUMENT,
                         "an address with a user name is not taken: use CAIL_TOKEN");
    } else {
        curl_url_set(u, CURLUPART_QUERY, NULL, 0);
        curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
        c->loopback = is_loopback(host);
        know_localhost(c, u, host);
        if (curl_url_get(u, CURLUPART_URL, &whole, 0) == CURLUE_OK) {
            for (size_t n = strlen(whole); n > 0 && whole[n - 1] == '/'; n--)
                whole[n - 1] = '\0';
            c->base = strdup(whole);
            c->where = strdup(whole);
        }
        if (c->base == NULL || c->where == NULL)
            rc = cail_i_fail(c, CAIL_ENOMEM, "out of memory");
    }
    curl_free(user);
    curl_free(whole);
    curl_free(host);
    curl_free(scheme);
    curl_url_cleanup(u);
    return rc;
}

/* "" and a warning when others could have read or written the file: then it is no secret. */
static void read_token_file(struct cail *c, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return;
    struct stat st;
    char text[TOKEN_MAX];
    ssize_t n = -1;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077) != 0 ||
        st.st_uid != geteuid())
        snprintf(c->warning, sizeof c->warning,
                 "%.150s is not used: it has to be your own file with mode 0600 (chmod 600)", path);
    else
        n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return;
    text[n] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    c->token = strdup(text);
}

static int find_token(struct cail *c, const struct cail_options *options)
{
    const char *given =
        options != NULL && options->token != NULL ? options->token : env("CAIL_TOKEN");
    if (given != NULL) {
        c->token = strdup(given);
    } else {
        const char *config = env("XDG_CONFIG_HOME"), *home = env("HOME");
        char *path = NULL;
        if (config != NULL)
            path = cail_path("%s/cail/token", config);
        else if (home != NULL)
            path = cail_path("%s/.config/cail/token", home);
        if (path != NULL)
            read_token_file(c, path);
        free(path);
    }
    if (c->token == NULL)
        return CAIL_OK;
    for (const char *p = c->token; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~')
            return cail_i_fail(c, CAIL_EARGUMENT, "the token holds a character that no token has");
    if (!c->loopback && strncmp(c->base, "http:", 5) == 0)
        return cail_i_fail(c, CAIL_EARGUMENT,
                           "the token is not sent to %s: plain http would show it to the network; "
                           "use https",
                           c->where);
    return CAIL_OK;
}

int cail_i_find(struct cail *c, const struct cail_options *options)
{
    const char *url = options != NULL && options->url != NULL ? options->url : env("CAIL_URL");
    int rc;
    if (url != NULL) {
        rc = strncmp(url, "unix:", 5) == 0 ? use_socket(c, url + 5) : use_url(c, url);
    } else {
        char *path = usual_socket();
        rc = path != NULL ? use_socket(c, path) : use_url(c, DEFAULT_URL);
        free(path);
    }
    return rc != CAIL_OK ? rc : find_token(c, options);
}
