/* The list of containers of a step. */
#include "attempt/containers.h"

#include <stdbool.h>
#include <string.h>

#include "attempt/files.h"

static bool is_engine(const char *path)
{
    const char *slash = strrchr(path, '/');
    return path[0] == '/' && (strcmp(slash, "/docker") == 0 || strcmp(slash, "/podman") == 0);
}

void attempt_containers_parse(char *text, size_t len,
                              void (*each)(void *arg, const char *engine, const char *name),
                              void *arg)
{
    int n = 0;
    for (char *line = text, *end = text + len; line < end && n < ATTEMPT_CONTAINERS_MAX; n++) {
        char *nl = memchr(line, '\n', (size_t)(end - line));
        if (!nl)
            return; /* torn: it was not started yet */
        *nl = 0;
        char *space = strrchr(line, ' ');
        if (space) {
            *space = 0;
            /* A name that begins with '-' would be an option. */
            if (is_engine(line) && space[1] != '-' &&
                attempt_token_ok(space + 1, strlen(space + 1)))
                each(arg, line, space + 1);
        }
        line = nl + 1;
    }
}
