/* probe FOLDER: what this machine has to give just now: "fdatasync/s cores-free".
 * Two spinning threads for 0.4 s (2.00 = nothing else runs on two cores), then 4 KiB overwrites with
 * fdatasync for 0.4 s. Rounds whose probes are far off are worth less. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "timing.h"

enum { FOR_NS = 400000000, THREADS = 2, BLOCKS = 64, BLOCK = 4096 };

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *spin(void *arg)
{
    int64_t *used = arg, end = mono_ns() + FOR_NS, from = cpu_ns();
    while (mono_ns() < end)
        ;
    *used = cpu_ns() - from;
    return NULL;
}

static long syncs(const char *folder)
{
    static char block[BLOCK];
    char path[4096];
    snprintf(path, sizeof path, "%s/probe.%d", folder, (int)getpid());
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        die(path);
    (void)unlink(path);
    for (off_t i = 0; i < BLOCKS; i++)
        if (pwrite(fd, block, BLOCK, i * BLOCK) != BLOCK)
            die("write");
    if (fsync(fd))
        die("fsync");
    long n = 0;
    for (int64_t end = mono_ns() + FOR_NS; mono_ns() < end; n++)
        if (pwrite(fd, block, BLOCK, n % BLOCKS * BLOCK) != BLOCK || fdatasync(fd))
            die("fdatasync");
    return n;
}

int main(int argc, char **argv)
{
    pthread_t thread[THREADS];
    int64_t used[THREADS], sum = 0;
    for (int i = 0; i < THREADS; i++) {
        errno = pthread_create(&thread[i], NULL, spin, &used[i]);
        if (errno)
            die("thread");
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        sum += used[i];
    }
    printf("%.0f %.2f\n", (double)syncs(argc > 1 ? argv[1] : "/tmp") / (FOR_NS / 1e9),
           (double)sum / FOR_NS);
    return 0;
}
