/* cail gpu drain, undrain, exec. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fmt.h"
#include "gpu_words.h"
#include "lease.h"
#include "term.h"
#include "verbs.h"

#define INDEX_DIGITS_MAX 3 /* a longer number is the beginning of a UUID */

/* --- which card --- */

/* Does the card's UUID begin so, with or without "GPU-" before it? */
static bool begins(const char *uuid, const char *word)
{
    size_t n = strlen(word);
    const char *dash = strchr(uuid, '-');
    return strncasecmp(uuid, word, n) == 0 || (dash != NULL && strncasecmp(dash + 1, word, n) == 0);
}

static bool is_index(const char *word)
{
    size_t n = strspn(word, "0123456789");
    return n > 0 && n <= INDEX_DIGITS_MAX && word[n] == '\0';
}

/* The card that the word names. 0, or an exit code with the reason printed. */
static int find_card(const json_t *cards, const char *word, const json_t **ret)
{
    char *clean = term_clean(word);
    size_t found = 0;
    for (size_t i = 0; i < json_array_size(cards); i++) {
        const json_t *card = json_array_get(cards, i);
        const char *uuid = js_text(card, "uuid");
        if (strcasecmp(uuid, word) == 0) {
            *ret = card;
            found = 1;
            break;
        }
        if (is_index(word) ? js_int(card, "index", -1) == strtol(word, NULL, 10)
                           : begins(uuid, word)) {
            *ret = card;
            found++;
        }
    }
    if (found == 0)
        cli_say("there is no GPU %s; cail gpus lists them", clean);
    else if (found > 1)
        cli_say("%zu GPUs answer to %s; write more of the UUID", found, clean);
    free(clean);
    return found == 1 ? 0 : EXIT_REFUSED;
}

/* --- drain, undrain --- */

static void say_drained(const json_t *card, bool on)
{
    struct cail_buf b = CAIL_BUF_INIT;
    const json_t *lease = json_object_get(card, "lease");
    char *uuid = term_clean(js_text(card, "uuid"));
    cail_buf_addf(&b, "GPU %" PRId64 " %s %s", js_int(card, "index", 0), uuid,
                  on ? "drained: no job starts on it" : "takes jobs again");
    if (on && js_int(lease, "job", 0) > 0)
        cail_buf_addf(&b, "; job %" PRId64 ", which has it, goes on", js_int(lease, "job", 0));
    cail_buf_addc(&b, '\n');
    char *line = cli_take(&b);
    term_puts(STDOUT_FILENO, line);
    free(line);
    free(uuid);
}

static int drain_card(const struct cli *cli, const json_t *card, bool on)
{
    const char *note = args_value(&cli->args, "note");
    json_t *body = cli_json(json_object());
    if (on && note != NULL && json_object_set_new(body, "note", json_string(note)) != 0) {
        json_decref(body);
        return cli_usage(cli, "--note wants UTF-8 text");
    }
    char *uuid = cail_encode(js_text(card, "uuid"));
    char *path = uuid != NULL ? cail_path("/gpus/%s/%s", uuid, on ? "drain" : "undrain") : NULL;
    free(uuid);
    int code = cli_send(cli, "POST", path, body);
    if (code == 0 && !cli->json)
        say_drained(card, on);
    return code;
}

static int drain(const struct cli *cli, bool on)
{
    struct cail_reply r;
    if (cli->args.n_words < 2)
        return cli_usage(cli, "which card? An index or a UUID of cail gpus");
    if (!on && args_flag(&cli->args, "note"))
        return cli_usage(cli, "--note belongs to drain");
    int result = cli_call(cli, "GET", cail_path("/gpus"), NULL, &r);
    if (result != 0)
        return result;
    for (size_t i = 1; i < cli->args.n_words; i++) {
        const json_t *card = NULL;
        int code = find_card(json_object_get(r.json, "gpus"), cli->args.word[i], &card);
        if (code == 0)
            code = drain_card(cli, card, on);
        result = result != 0 ? result : code;
    }
    cail_reply_done(&r);
    return result;
}

int cmd_gpu(struct cli *cli)
{
    static const char *const only_exec[] = {"gpus", "gpu-model", "gpu-uuid", "for",
                                            "name", "priority",  "grace",    "now"};
    const char *word = cli->args.n_words > 0 ? cli->args.word[0] : "";
    bool exec = strcmp(word, "exec") == 0;
    for (size_t i = 0; i < sizeof only_exec / sizeof only_exec[0] && !exec; i++)
        if (args_flag(&cli->args, only_exec[i]))
            return cli_usage(cli, "--%s belongs to exec", only_exec[i]);
    if (exec && args_flag(&cli->args, "note"))
        return cli_usage(cli, "--note belongs to drain");
    if (!exec && cli->args.rest != NULL)
        return cli_usage(cli, "a command belongs to exec");
    if (exec)
        return lease_exec(cli);
    if (strcmp(word, "drain") == 0 || strcmp(word, "undrain") == 0)
        return drain(cli, word[0] == 'd');
    return cli_usage(cli, "drain, undrain or exec? The cards: cail gpus");
}
