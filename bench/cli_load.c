/* Drives a queue through its command line; @ID@ in CMD becomes the job's number:
 *     cli_load lat N FIFO CMD...       one at a time: main() of the job - before CMD is spawned
 *     cli_load stamps N K FIFO CMD...  jobs/s, first submit to the last job's main(), K submits at once
 *     cli_load rate N K CMD...         submits/s
 *     cli_load time N CMD...           how long CMD takes, spawn to end: "p50 p99 min max" in ms */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "timing.h"

enum { ARGS_MAX = 64, IDLE_US = 2000 };

extern char **environ;
static char **command;
static posix_spawn_file_actions_t quiet; /* stdout to /dev/null */

static void begin(long id)
{
    char *argv[ARGS_MAX + 1] = {0}, number[32];
    pid_t pid;
    snprintf(number, sizeof number, "%ld", id);
    for (size_t i = 0; command[i] && i < ARGS_MAX; i++)
        argv[i] = strcmp(command[i], "@ID@") == 0 ? number : command[i];
    errno = posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ);
    if (errno)
        die(argv[0]);
}

static void end(void)
{
    int status;
    if (wait(&status) < 0)
        die("wait");
    errno = 0;
    if (status)
        die("the command failed");
}

static int64_t submit_all(long n, long k)
{
    int64_t from = mono_ns();
    long begun = 0, ended = 0;
    while (ended < n) {
        while (begun - ended < k && begun < n)
            begin(begun++);
        end();
        ended++;
    }
    return mono_ns() - from;
}

static void latency(long n, const char *fifo)
{
    int stamps = fifo ? stamps_open(fifo) : -1;
    int64_t *ns = calloc((size_t)n, sizeof *ns);
    if (!ns)
        die("memory");
    for (long i = 0; i < n; i++) {
        int64_t from = mono_ns();
        begin(i);
        end();
        ns[i] = (fifo ? stamps_next(stamps) : mono_ns()) - from;
        usleep(IDLE_US);
    }
    print_latency(ns, (size_t)n);
    free(ns);
}

int main(int argc, char **argv)
{
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    const char *mode = argc > 3 ? argv[1] : "";
    long n = argc > 3 ? number_of(argv[2], 1) : 0;
    if (strcmp(mode, "time") == 0) {
        command = argv + 3;
        latency(n, NULL);
    } else if (argc > 4 && strcmp(mode, "lat") == 0) {
        command = argv + 4;
        latency(n, argv[3]);
    } else if (argc > 4 && strcmp(mode, "rate") == 0) {
        command = argv + 4;
        printf("%.1f\n", (double)n * 1e9 / (double)submit_all(n, number_of(argv[3], 1)));
    } else if (argc > 5 && strcmp(mode, "stamps") == 0) {
        struct stamps s;
        command = argv + 5;
        stamps_count(&s, stamps_open(argv[4]), n);
        int64_t from = mono_ns();
        (void)submit_all(n, number_of(argv[3], 1));
        printf("%.1f\n", (double)n * 1e9 / (double)(stamps_wait(&s) - from));
    } else {
        fprintf(stderr, "usage: see the top of bench/cli_load.c\n");
        return 64;
    }
    return 0;
}
