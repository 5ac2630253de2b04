/* The control file. */
#include "attempt/control.h"

#include <string.h>

#include "attempt/files.h"

#define STOP  "CAILCTL1 stop grace_ms="
#define TOKEN " token="

void attempt_control_encode(const char *token, const struct attempt_control *c, struct str *out)
{
    str_adds(out, STOP);
    str_add_int(out, c->grace_ms);
    str_adds(out, TOKEN);
    str_adds(out, token);
    str_addc(out, '\n');
}

bool attempt_control_decode(const char *bytes, size_t len, const char *token,
                            struct attempt_control *ret)
{
    size_t head = sizeof STOP - 1, middle = sizeof TOKEN - 1, token_len = strlen(token);
    if (len < head + 1 + middle + token_len + 1 || memcmp(bytes, STOP, head) != 0)
        return false;
    size_t digits = len - head - middle - token_len - 1;
    const char *rest = bytes + head + digits;
    int64_t grace_ms;
    if (memcmp(rest, TOKEN, middle) != 0 || memcmp(rest + middle, token, token_len) != 0 ||
        bytes[len - 1] != '\n' || !attempt_parse_int(bytes + head, digits, 0, &grace_ms) ||
        grace_ms > INT64_MAX / 1000000)
        return false;
    ret->grace_ms = grace_ms;
    return true;
}
