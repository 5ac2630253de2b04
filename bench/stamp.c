/* The measured job: stamp ID FIFO writes "ID <monotonic ns at its main()>" and ends. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec t;
    char line[96];
    clock_gettime(CLOCK_MONOTONIC, &t);
    if (argc != 3)
        return 2;
    int fd = open(argv[2], O_WRONLY | O_CLOEXEC);
    int len = snprintf(line, sizeof line, "%.40s %lld\n", argv[1],
                       (long long)t.tv_sec * 1000000000 + t.tv_nsec);
    return fd < 0 || write(fd, line, (size_t)len) != len;
}
