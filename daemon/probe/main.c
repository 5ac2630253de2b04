/* cail-probe [--nvml PATH]: what the NVIDIA cards of this machine say, one JSON object a line on
 * standard output; the daemon's header gpu/probe_lines.h is the contract. A process of its own so
 * that a driver that hangs, hangs this and not the daemon.
 *
 * This thread never calls the driver's library (probe.h says who does). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/probe.h"

enum { COMMAND_MAX = 256 };

static struct probe probe;

static const char usage[] =
    "usage: cail-probe [--nvml PATH] [--scan-ms N] [--retry-ms N] [--settle-ms N] [--list]\n"
    "  --nvml PATH    library to load in place of the system's libnvidia-ml.so.1\n"
    "  --scan-ms N    look for other cards and changed facts (30000)\n"
    "  --retry-ms N   look for a library that was not there (30000)\n"
    "  --settle-ms N  wait that long for a card before going on without it (3000)\n"
    "  --list         print the UUIDs of the cards and end\n";

static NORETURN void refuse(const char *what)
{
    dprintf(STDERR_FILENO, "cail-probe: %s\n%s", what, usage);
    _exit(2);
}

static bool read_number(const char *text, long min, long max, long *ret_n)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno || end == text || *end || n < min || n > max)
        return false;
    *ret_n = n;
    return true;
}

/* "rate UUID|all HZ" */
static void obey(char *line)
{
    char uuid[CARD_UUID_LEN], hz_text[8], rest;
    long hz;
    if (sscanf(line, "rate %95s %7s %c", uuid, hz_text, &rest) == 2 &&
        read_number(hz_text, 1, PROBE_HZ_MAX, &hz))
        probe_set_rate(&probe, uuid, (int)hz);
    else
        dprintf(STDERR_FILENO, "cail-probe: not a command: %.100s\n", line);
}

/* Until the end of input. A line that is too long is one bad command. */
static void read_commands(void)
{
    char line[COMMAND_MAX], bytes[1024];
    size_t len = 0;
    for (;;) {
        ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
        if (n == 0 || (n < 0 && errno != EINTR))
            return;
        for (ssize_t i = 0; i < n; i++) {
            if (bytes[i] != '\n') {
                if (len < sizeof line - 1)
                    line[len++] = bytes[i];
                continue;
            }
            line[len] = 0;
            len = 0;
            obey(line);
        }
    }
}

static int64_t take_ms(const char *text)
{
    long ms;
    if (!read_number(text, 1, 86400000, &ms))
        refuse("a number of milliseconds, 1 to 86400000, is missing");
    return ms * 1000;
}

/* true = list and end. */
static bool read_arguments(char **argv)
{
    bool list = false;
    for (; *argv; argv++) {
        const char *name = argv[0], *value = argv[1];
        if (!strcmp(name, "--list")) {
            list = true;
            continue;
        }
        if (!strcmp(name, "--help")) {
            (void)!write(STDOUT_FILENO, usage, sizeof usage - 1);
            _exit(0);
        }
        if (!value)
            refuse("an option is unknown or lacks its value");
        if (!strcmp(name, "--nvml"))
            probe.nvml_path = value;
        else if (!strcmp(name, "--scan-ms"))
            probe.scan_us = take_ms(value);
        else if (!strcmp(name, "--retry-ms"))
            probe.retry_us = take_ms(value);
        else if (!strcmp(name, "--settle-ms"))
            probe.settle_us = take_ms(value);
        else
            refuse("an option is unknown");
        argv++;
    }
    return list;
}

int main(int argc, char **argv)
{
    (void)argc;
    probe_init(&probe);
    if (read_arguments(argv + 1))
        return scout_main(probe.nvml_path);
    signal(SIGPIPE, SIG_IGN); /* the reader's end is an error of write(2) */
    signal(SIGCHLD, SIG_DFL); /* inherited as ignored it would reap the scout */
    probe_start_thread(inventory_run, &probe);
    probe_start_thread(events_run, &probe);
    read_commands();
    _exit(0); /* threads may hang in the driver: nothing is waited for */
}
