#include "engine/machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fsx.h"

static void first_bytes(const char *path, char *out, size_t len)
{
    CLEANUP(fsx_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, len - 1);
    out[n > 0 ? n : 0] = 0;
}

/* The "model name" of the first cpu; "" = this machine does not say. */
static void cpu_model(char *out, size_t len)
{
    static const char name[] = "model name";
    char text[4096];
    first_bytes("/proc/cpuinfo", text, sizeof text);
    const char *at = strstr(text, name);
    at = at ? at + sizeof name - 1 : "";
    at += strspn(at, "\t :");
    snprintf(out, len, "%.*s", (int)strcspn(at, "\n"), at);
}

void machine_facts(struct jw *w, const char *host)
{
    struct utsname u;
    char text[256];
    bool known = uname(&u) == 0;
    jw_kstr(w, "host", host ? host : known ? u.nodename : NULL);
    jw_kstr(w, "kernel", known ? u.release : NULL);
    jw_kstr(w, "machine", known ? u.machine : NULL);
    cpu_model(text, sizeof text);
    jw_kstr(w, "cpu", *text ? text : NULL);
    jw_kint(w, "cpus_online", sysconf(_SC_NPROCESSORS_ONLN));
    first_bytes("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text, sizeof text);
    text[strcspn(text, "\n")] = 0;
    jw_kstr(w, "governor", *text ? text : NULL);
}
