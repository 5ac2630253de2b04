#include "engine/profile.h"

#include <errno.h>
#include <glob.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fsx.h"
#include "base/log.h"
#include "base/mem.h"

static const struct tool {
    const char *package;
    const char *trace;
    const char *folders; /* where its installer puts it, beside PATH; a glob */
    const char *args[10];
    const char *output; /* what follows the folder of artifacts in the argument after -o */
} tools[PROFILE_COUNT] = {
    /* 997 Hz: no beat with timers of 1,000 Hz. -N: no copies of binaries into ~/.debug. */
    [PROFILE_PERF] = {"linux-perf (Ubuntu: linux-tools-generic)",
                      "perf.data",
                      NULL,
                      {"record", "-F", "997", "-g", "-N", "-o"},
                      "perf.data"},
    [PROFILE_NSYS] = {"nsight-systems-cli of NVIDIA's repository for this distribution",
                      "trace.nsys-rep",
                      "/opt/nvidia/nsight-systems*/*/bin",
                      {"profile", "--force-overwrite=true", "-o"},
                      "trace"},
    [PROFILE_NCU] = {"nsight-compute of NVIDIA's repository for this distribution",
                     "trace.ncu-rep",
                     "/opt/nvidia/nsight-compute/*",
                     {"--force-overwrite", "--target-processes", "all", "-o"},
                     "trace"},
};

const char *profile_trace(enum profile p)
{
    return tools[p].trace;
}

/* --- where it is --- */

static char *program_in(const char *folder, size_t len, const char *name)
{
    char *path = len && folder[0] == '/' ? mem_printf("%.*s/%s", (int)len, folder, name) : NULL;
    if (path && access(path, X_OK) == 0)
        return path;
    free(path);
    return NULL;
}

/* Of several versions the last by name. */
static char *program_in_glob(const char *pattern, const char *name)
{
    glob_t g;
    char *path = NULL;
    if (!pattern || glob(pattern, 0, NULL, &g))
        return NULL;
    for (size_t i = g.gl_pathc; i-- > 0 && !path;)
        path = program_in(g.gl_pathv[i], strlen(g.gl_pathv[i]), name);
    globfree(&g);
    return path;
}

/* On the daemon's own PATH, else where installers put it. A PATH that a request sent is not looked
 * through: it may lead to a file system that hangs. Caller frees; NULL = not here. */
static char *program_of(enum profile p)
{
    const char *name = profile_words[p], *path = getenv("PATH");
    char *found = NULL;
    for (const char *at = path ? path : ""; *at && !found;) {
        size_t len = strcspn(at, ":");
        found = program_in(at, len, name);
        at += len + (at[len] == ':');
    }
    if (!found)
        found = program_in_glob("/usr/local/cuda/bin", name);
    return found ? found : program_in_glob(tools[p].folders, name);
}

/* --- may it? --- */

static void first_line(const char *path, char *out, size_t size)
{
    CLEANUP(str_done) struct str s = STR_INIT;
    if (fsx_read(path, 65536, &s, NULL) == 0)
        snprintf(out, size, "%.*s", (int)strcspn(s.p ? s.p : "", "\n"), s.p ? s.p : "");
}

/* What perf record asks first: sampling of one's own process, without the kernel's part. */
static int check_sampling(struct cail_err *err)
{
    struct perf_event_attr a = {.type = PERF_TYPE_SOFTWARE,
                                .size = sizeof a,
                                .config = PERF_COUNT_SW_CPU_CLOCK,
                                .sample_freq = 997,
                                .freq = 1,
                                .sample_type = PERF_SAMPLE_IP,
                                .disabled = 1,
                                .exclude_kernel = 1,
                                .exclude_hv = 1};
    char paranoid[32] = "not told";
    CLEANUP(fsx_closep)
    int fd = (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, (unsigned long)PERF_FLAG_FD_CLOEXEC);
    if (fd >= 0)
        return 0;
    int error = errno;
    first_line("/proc/sys/kernel/perf_event_paranoid", paranoid, sizeof paranoid);
    (void)err_set_at(err, E_IMPOSSIBLE, "/profile",
                     "perf may not sample here: %s; kernel.perf_event_paranoid is %s",
                     strerror(error), paranoid);
    err_hint(err, error == EACCES ? "sysctl kernel.perf_event_paranoid=2 lets users sample their "
                                    "own processes"
                                  : "a container needs CAP_PERFMON or a seccomp profile that "
                                    "knows perf_event_open");
    return E_IMPOSSIBLE;
}

/* ERR_NVGPUCTRPERM comes after minutes of building; the driver's own setting tells it now. */
static int check_counters(struct cail_err *err)
{
    CLEANUP(str_done) struct str s = STR_INIT;
    if (geteuid() == 0 || fsx_read("/proc/driver/nvidia/params", 65536, &s, NULL) || !s.p ||
        !strstr(s.p, "RmProfilingAdminOnly: 1"))
        return 0;
    (void)err_set_at(err, E_IMPOSSIBLE, "/profile",
                     "ncu may not read the cards' counters: the driver keeps them for root");
    err_hint(err, "options nvidia NVreg_RestrictProfilingToAdminUsers=0 in /etc/modprobe.d lets "
                  "users read them");
    return E_IMPOSSIBLE;
}

bool profile_wraps(const struct recipe *recipe, int32_t step)
{
    if (!recipe)
        return true;
    return (size_t)step < recipe->n_steps && !recipe->step[step].keys_cache &&
           !recipe->step[step].cached;
}

int profile_check(enum profile p, const struct recipe *recipe, struct cail_err *err)
{
    bool any = !recipe;
    for (size_t i = 0; recipe && i < recipe->n_steps; i++)
        any |= profile_wraps(recipe, (int32_t)i);
    if (!any)
        return err_set_at(err, E_IMPOSSIBLE, "/profile",
                          "\"%s\" only builds; there is no step to look into", recipe->name);
    CLEANUP(mem_freep) char *program = program_of(p);
    if (!program) {
        (void)err_set_at(err, E_IMPOSSIBLE, "/profile", "%s is not installed on this machine",
                         profile_words[p]);
        err_hint(err, "the package is %s", tools[p].package);
        return E_IMPOSSIBLE;
    }
    if (p == PROFILE_PERF)
        return check_sampling(err);
    return p == PROFILE_NCU ? check_counters(err) : 0;
}

/* --- the call --- */

int profile_argv(enum profile p, const char *artifacts_dir, const char *const *argv,
                 const char ***ret, struct cail_err *err)
{
    const struct tool *t = &tools[p];
    CLEANUP(mem_freep) char *program = program_of(p);
    size_t n = 0, n_args = 0, own = 0;
    if (!program)
        return err_set_errno(err, E_NOT_FOUND, ENOENT, "%s is gone", profile_words[p]);
    CLEANUP(mem_freep) char *output = mem_printf("%s/%s", artifacts_dir, t->output);
    while (argv[n])
        n++;
    while (t->args[n_args])
        n_args++;
    size_t slots = n + n_args + 4, text = strlen(program) + strlen(output) + 2;
    const char **all = mem_zalloc(slots * sizeof *all + text);
    char *at = (char *)(all + slots);
    all[own++] = memcpy(at, program, strlen(program) + 1);
    for (size_t i = 0; i < n_args; i++)
        all[own++] = t->args[i];
    all[own++] = memcpy(at + strlen(program) + 1, output, strlen(output) + 1);
    all[own++] = "--";
    memcpy(all + own, argv, n * sizeof *all);
    *ret = all;
    return 0;
}
