/* Words as a POSIX shell reads them back. */
#include "base/shell.h"

#include <string.h>

void shell_quote(struct str *out, const char *text)
{
    str_addc(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            str_adds(out, "'\\''");
        else
            str_addc(out, *text);
    }
    str_addc(out, '\'');
}

void shell_word(struct str *out, const char *word)
{
    if (*word && !word[strcspn(word, " \t\n\"'\\$`*?[](){}<>|&;#~!")])
        str_adds(out, word);
    else
        shell_quote(out, word);
}
