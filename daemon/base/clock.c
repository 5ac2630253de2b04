/* The only reader of clocks. */
#include "base/clock.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t read_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}

int64_t clock_mono_us(void)
{
    return read_us(CLOCK_BOOTTIME);
}

void clock_boot_id(char out[BOOT_ID_LEN])
{
    memcpy(out, "unknown", sizeof "unknown");
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, out, BOOT_ID_LEN - 1) == BOOT_ID_LEN - 1)
        out[BOOT_ID_LEN - 1] = 0;
    close(fd);
}
