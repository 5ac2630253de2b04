/* The gate: what is refused about a request head, and in which words. */
#include "http/gate.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CSRF_HEADER "X-Cail-CSRF"

struct host {
    char name[256]; /* lower case, without a trailing dot */
    int port;       /* -1 = none given */
};

/* -- collecting ------------------------------------------------------------------------------ */

enum { ONCE = 1, BROWSER = 2, PROXIED = 4, NOWHERE = 8 };

#define AT(field) offsetof(struct gate, field)

/* ONCE: a second one makes two readers of the message disagree, so it is refused. */
static const struct known {
    const char *name;
    size_t len, at;
    unsigned marks;
} known[] = {
#define H(name, field, marks)                                                                      \
    {                                                                                              \
        name, sizeof name - 1, AT(field), marks                                                    \
    }
    H("Host", host, ONCE),
    H("Origin", origin, ONCE | BROWSER),
    H("Content-Length", content_length, ONCE),
    H("Transfer-Encoding", transfer_encoding, ONCE),
    H("Content-Type", content_type, ONCE),
    H("Content-Encoding", content_encoding, 0),
    H("Authorization", authorization, ONCE),
    H(CSRF_HEADER, csrf, ONCE),
    H("Sec-Fetch-Site", fetch_site, ONCE | BROWSER),
    H("Sec-Fetch-Mode", fetch_mode, ONCE | BROWSER),
    H("Sec-Fetch-Dest", fetch_dest, ONCE | BROWSER),
    H("Sec-Fetch-User", host, NOWHERE | BROWSER),
    H("Referer", host, NOWHERE | BROWSER),
    H("Cookie", host, NOWHERE | BROWSER),
    H("Forwarded", host, NOWHERE | PROXIED),
    H("Via", host, NOWHERE | PROXIED),
    H("X-Real-IP", host, NOWHERE | PROXIED),
    H("Accept", accept, 0),
    H("Accept-Encoding", accept_encoding, 0),
    H("Idempotency-Key", idempotency_key, ONCE),
    H("If-None-Match", if_none_match, 0),
    H("If-Match", if_match, 0),
    H("Last-Event-ID", last_event_id, ONCE),
    H("Range", range, ONCE),
#undef H
};

static enum http_method method_of(const char *text)
{
    static const char *const names[HTTP_METHODS_] = {
        [HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
        [HTTP_PUT] = "PUT", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE"};
    enum http_method m = HTTP_GET;
    while (m < HTTP_METHODS_ && strcmp(names[m], text) != 0)
        m++;
    return m;
}

void gate_begin(struct gate *g, const char *method, bool is_http_1_0)
{
    memset(g, 0, sizeof *g);
    g->method = method_of(method);
    g->is_options = strcmp(method, "OPTIONS") == 0;
    g->is_http_1_0 = is_http_1_0;
}

static bool is_token(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        bool alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!alnum && (c == 0 || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return len > 0;
}

static bool has_control(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
            return true;
    return false;
}

static void note_fault(struct gate *g, const char *what)
{
    if (!g->fault)
        g->fault = what;
}

static bool prefixed(const char *name, size_t len, const char *prefix)
{
    size_t n = strlen(prefix);
    return len >= n && strncasecmp(name, prefix, n) == 0;
}

static const struct known *known_header(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].len == len && strncasecmp(known[i].name, name, len) == 0)
            return &known[i];
    return NULL;
}

void gate_header(struct gate *g, const char *name, size_t name_len, const char *value,
                 size_t value_len)
{
    if (!value || !is_token(name, name_len)) {
        note_fault(g, "a header's name has a character that is not allowed there");
        return;
    }
    if (has_control(value, value_len))
        note_fault(g, "a header's value has a control character");
    const struct known *k = known_header(name, name_len);
    if (!k) {
        g->proxied = g->proxied || prefixed(name, name_len, "X-Forwarded-");
        g->browser = g->browser || prefixed(name, name_len, "Sec-Fetch-");
        return;
    }
    g->browser = g->browser || (k->marks & BROWSER);
    g->proxied = g->proxied || (k->marks & PROXIED);
    if (k->marks & NOWHERE)
        return;
    const char **field = (const char **)(void *)((char *)g + k->at);
    if (!*field)
        *field = value;
    else if (k->marks & ONCE)
        note_fault(g, "a header that may come once came twice");
}

/* -- Host ------------------------------------------------------------------------------------ */

/* 1..65535 without a leading zero; -2 = something else. */
static int port_of(const char *s)
{
    int port = 0;
    if (*s < '1' || *s > '9')
        return -2;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return -2;
        port = port * 10 + (*s - '0');
        if (port > 65535)
            return -2;
    }
    return port;
}

static bool host_char(char c, bool bracketed)
{
    bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (bracketed)
        return hex || c == ':' || c == '.';
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '-' || c == '_';
}

/* "name", "name:port", "[v6]", "[v6]:port"; nothing else. */
static bool host_parse(const char *text, struct host *ret)
{
    bool bracketed = *text == '[';
    size_t n = 0;
    if (bracketed)
        ret->name[n++] = *text++;
    for (; n < sizeof ret->name - 2; n++, text++) {
        char c = (*text >= 'A' && *text <= 'Z') ? (char)(*text | 0x20) : *text;
        if (!host_char(c, bracketed))
            break;
        ret->name[n] = c;
    }
    if (bracketed) {
        if (*text++ != ']')
            return false;
        ret->name[n++] = ']';
    } else if (n > 1 && ret->name[n - 1] == '.') {
        n--;
    }
    ret->name[n] = 0;
    ret->port = -1;
    if (*text == ':')
        ret->port = port_of(text + 1);
    else if (*text)
        return false;
    return n > (bracketed ? 2u : 0u) && ret->port != -2 && ret->name[n - 1] != '.';
}

static bool is_local_name(const char *name)
{
    return strcmp(name, "localhost") == 0 || strcmp(name, "127.0.0.1") == 0 ||
           strcmp(name, "[::1]") == 0;
}

/* No port in a Host or an Origin means that of the scheme, http. */
static int port_or_default(const struct host *h)
{
    return h->port < 0 ? 80 : h->port;
}

bool gate_host_ok(const char *host, const struct gate_site *site)
{
    struct host h, allowed;
    if (!host_parse(host, &h))
        return false;
    bool our_port = site->is_unix || port_or_default(&h) == site->port;
    if (our_port && is_local_name(h.name))
        return true;
    for (const char *const *p = site->allowed_hosts; p && *p; p++) {
        if (!host_parse(*p, &allowed) || strcmp(allowed.name, h.name) != 0)
            continue;
        /* An entry without a port means our port, and none at all: a proxy on port 80 or 443. */
        if (allowed.port < 0 ? our_port || h.port < 0 : allowed.port == h.port)
            return true;
    }
    return false;
}

static int refuse_host(const char *host, struct cail_err *err)
{
    struct host h;
    if (!host_parse(host, &h))
        return err_set(err, E_BAD_HOST, "the Host header names no host; use localhost");
    err_set(err, E_BAD_HOST,
            "this server does not answer to the name \"%.200s\", so that no web page can reach it "
            "under a name of its own",
            host);
    err_hint(err, "if the name is yours, add to cail.conf: allowed_hosts = %.120s", host);
    return E_BAD_HOST;
}

/* -- form, Host, method ---------------------------------------------------------------------- */

static bool all_digits(const char *s)
{
    size_t n = strspn(s, "0123456789");
    return n > 0 && n < 20 && s[n] == 0;
}

static int check_framing(const struct gate *g, struct cail_err *err)
{
    if (g->fault)
        return err_set(err, E_BAD_REQUEST, "malformed request: %s", g->fault);
    if (g->transfer_encoding && g->content_length)
        return err_set(err, E_BAD_REQUEST,
                       "malformed request: Content-Length together with Transfer-Encoding");
    if (g->transfer_encoding &&
        (g->is_http_1_0 || strcasecmp(g->transfer_encoding, "chunked") != 0))
        return err_set(err, E_BAD_REQUEST,
                       "malformed request: the only Transfer-Encoding taken is \"chunked\"");
    if (g->content_length && !all_digits(g->content_length))
        return err_set(err, E_BAD_REQUEST, "malformed request: Content-Length is not a number");
    if (!g->host)
        return err_set(err, E_BAD_REQUEST, "malformed request: there is no Host header");
    return 0;
}

int gate_check(const struct gate *g, const struct gate_site *site, struct cail_err *err)
{
    int r = check_framing(g, err);
    if (r)
        return r;
    if (!gate_host_ok(g->host, site))
        return refuse_host(g->host, err);
    if (g->is_options)
        return err_set(err, E_CROSS_SITE,
                       "OPTIONS is not answered: pages of other web sites may not call cail");
    if (g->method == HTTP_METHODS_)
        return err_set(err, E_METHOD, "only GET, HEAD, POST, PUT, PATCH and DELETE are known here");
    if (g->authorization) {
        err_set(err, E_NO_IDENTITY, "tokens are not there yet, so Authorization is not taken");
        err_hint(err, "leave the header out and call as the user that runs cail-d");
        return E_NO_IDENTITY;
    }
    return 0;
}

/* -- other web sites ------------------------------------------------------------------------- */

static bool same_origin(const struct gate *g)
{
    struct host ours, theirs;
    static const char scheme[] = "http://";
    if (strncmp(g->origin, scheme, sizeof scheme - 1) != 0)
        return false;
    return host_parse(g->origin + sizeof scheme - 1, &theirs) && host_parse(g->host, &ours) &&
           strcmp(ours.name, theirs.name) == 0 &&
           port_or_default(&ours) == port_or_default(&theirs);
}

static bool is_reading(const struct gate *g)
{
    return g->method == HTTP_GET || g->method == HTTP_HEAD;
}

/* A link from a mail or a chat opens a page: top-level, by GET, and the answer is shown to the
 * person alone. In a frame it could be clicked through, so the destination must be a document. */
static bool opens_page(const struct gate *g, bool page)
{
    return page && is_reading(g) && g->fetch_mode && strcmp(g->fetch_mode, "navigate") == 0 &&
           g->fetch_dest && strcmp(g->fetch_dest, "document") == 0;
}

int gate_check_origin(const struct gate *g, bool page, struct cail_err *err)
{
    if (g->origin && !same_origin(g))
        return err_set(err, E_CROSS_SITE,
                       "the request comes from a page of another web site (its Origin says so)");
    bool own = !g->fetch_site || strcmp(g->fetch_site, "same-origin") == 0 ||
               strcmp(g->fetch_site, "none") == 0;
    if (!own && !opens_page(g, page))
        return err_set(err, E_CROSS_SITE,
                       "the request comes from a page of another web site (Sec-Fetch-Site)");
    if (g->browser && !is_reading(g) && (!g->csrf || strcmp(g->csrf, "1") != 0))
        return err_set(err, E_CROSS_SITE,
                       "a change asked for by a browser must carry the header " CSRF_HEADER ": 1");
    return 0;
}

/* -- bodies ---------------------------------------------------------------------------------- */

bool gate_is_chunked(const struct gate *g)
{
    return g->transfer_encoding != NULL;
}

uint64_t gate_length(const struct gate *g)
{
    uint64_t v = 0;
    for (const char *s = g->content_length ? g->content_length : ""; *s; s++)
        v = v * 10 + (uint64_t)(*s - '0');
    return v;
}

/* "application/json", at most with "; charset=utf-8": no simple cross-site request can say that. */
static bool type_is(const char *type, const char *want)
{
    size_t n = strlen(want);
    if (!type || strncasecmp(type, want, n) != 0)
        return false;
    type += n;
    type += strspn(type, " \t");
    if (*type == 0)
        return true;
    if (*type++ != ';')
        return false;
    type += strspn(type, " \t");
    return strcasecmp(type, "charset=utf-8") == 0 || strcasecmp(type, "charset=\"utf-8\"") == 0;
}

static int check_type(const struct gate *g, unsigned flags, struct cail_err *err)
{
    if (type_is(g->content_type, "application/json"))
        return 0;
    if (!g->browser) {
        if (flags & HTTP_TAKES_ANY)
            return 0;
        if ((flags & HTTP_TAKES_FORM) &&
            type_is(g->content_type, "application/x-www-form-urlencoded"))
            return 0;
        if ((flags & HTTP_TAKES_SCRIPT) && type_is(g->content_type, "text/x-shellscript"))
            return 0;
    }
    err_set(err, E_MEDIA_TYPE, "the body must be application/json%s%s",
            (flags & HTTP_TAKES_FORM) ? " (or, not from a browser, a form)" : "",
            (flags & HTTP_TAKES_SCRIPT) ? " (or, not from a browser, text/x-shellscript)" : "");
    err_hint(err, "with curl: curl --json '{...}' URL, or curl --json @file.json URL");
    return E_MEDIA_TYPE;
}

int gate_check_body(const struct gate *g, const struct http_route *route, struct cail_err *err)
{
    bool has_body = gate_is_chunked(g) || gate_length(g) > 0;
    if (has_body && route->body_max == 0)
        return err_set(err, E_TOO_LARGE, "this route takes no body");
    if (gate_length(g) > route->body_max)
        return err_set(err, E_TOO_LARGE, "the body has %llu bytes, the most taken here is %zu",
                       (unsigned long long)gate_length(g), route->body_max);
    if (g->content_encoding && strcasecmp(g->content_encoding, "identity") != 0)
        return err_set(err, E_MEDIA_TYPE, "compressed bodies (Content-Encoding) are not taken");
    if (is_reading(g))
        return 0;
    if (has_body)
        return check_type(g, route->flags, err);
    if (route->body_max > 0 && !(route->flags & HTTP_EMPTY_OK)) {
        err_set(err, E_BAD_REQUEST, "this route needs a body");
        err_hint(err, "with curl: curl --json '{...}' URL");
        return E_BAD_REQUEST;
    }
    return 0;
}

bool gate_offers_gzip(const char *text)
{
    while (text && *text) {
        text += strspn(text, " \t,");
        size_t n = strcspn(text, ",");
        size_t name = strcspn(text, " \t;,");
        if ((name == 4 && strncasecmp(text, "gzip", 4) == 0) || (name == 1 && *text == '*')) {
            const char *q = memmem(text, n, "q=", 2);
            /* "q=0", "q=0.0", "q=0.000" refuse; anything else offers. */
            return !q || strspn(q + 2, "0.") < strcspn(q + 2, " \t,");
        }
        text += n;
    }
    return false;
}
