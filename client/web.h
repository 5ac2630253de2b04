/* One request to another service than cail-d: the API of a forge. A token travels over https or
 * inside this machine alone; nothing is followed elsewhere; cookies, proxies of the environment for
 * loopback, and large answers are not taken. */
#ifndef CLIENT_WEB_H
#define CLIENT_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct web_reply {
    int status;         /* HTTP; 0 = there was no answer, `message` says why */
    json_t *json;       /* NULL = not JSON */
    int64_t wait_s;     /* a limit of rate: come back after so many seconds; -1 = none said */
    bool is_rate_limit; /* 403 or 429 because of it */
    char message[256];  /* "" when status is 2xx */
};
void web_reply_done(struct web_reply *r);

/* method "GET" or "POST"; base "https://api.github.com"; path begins with '/'; token, body may be
 * NULL. now_s: seconds since 1970, against which a limit's end is measured. True = 2xx and JSON. */
bool web_call(const char *method, const char *base, const char *path, const char *token,
              const json_t *body, int64_t now_s, struct web_reply *ret);

#endif
