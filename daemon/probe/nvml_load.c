/* Finding and opening the driver's library. */
#include "probe/nvml_load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"

struct nvml_api nvml;

static void *handle;
static char file[4096];

/* The unversioned name belongs to the development package. WSL2 puts its own library outside the
 * loader's search where the distribution has no line for it. */
static const char *const places[] = {
    "libnvidia-ml.so.1",
    "/usr/lib/wsl/lib/libnvidia-ml.so.1",
    "/usr/local/nvidia/lib64/libnvidia-ml.so.1",
};

static void *open_first(char *why, size_t size)
{
    snprintf(why, size, "libnvidia-ml.so.1 is not installed");
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        void *h = dlopen(places[i], RTLD_NOW | RTLD_LOCAL);
        if (h)
            return h;
        /* There and broken is worth more words than not there. */
        const char *text = dlerror();
        if (text && !strstr(text, "No such file"))
            snprintf(why, size, "%s", text);
    }
    return NULL;
}

static const char *resolve(void *h, struct nvml_api *api)
{
    const char *missing = NULL;
    /* A function's address from dlsym is a void *; POSIX has the two the same size, ISO C has no
     * cast. */
#define X(required, name, args)                                                                    \
    do {                                                                                           \
        void *found = dlsym(h, "nvml" #name);                                                      \
        memcpy(&api->name, &found, sizeof found);                                                  \
        if (required && !found && !missing)                                                        \
            missing = "nvml" #name;                                                                \
    } while (0);
    NVML_SYMBOLS(X)
#undef X
    return missing;
}

static void remember_file(void *h, const char *fallback)
{
    Dl_info info;
    void *symbol = dlsym(h, "nvmlInit_v2");
    bool known = symbol && dladdr(symbol, &info) && info.dli_fname;
    snprintf(file, sizeof file, "%s", known ? info.dli_fname : fallback);
}

bool nvml_load(const char *path, char *why, size_t size)
{
    nvml_unload();
    void *h = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : open_first(why, size);
    if (!h) {
        const char *text = path ? dlerror() : NULL;
        if (path)
            snprintf(why, size, "%s", text ? text : path);
        return false;
    }
    struct nvml_api api;
    const char *missing = resolve(h, &api);
    if (missing) {
        snprintf(why, size, "%s has no %s", path ? path : places[0], missing);
        dlclose(h);
        return false;
    }
    handle = h;
    nvml = api;
    remember_file(h, path ? path : places[0]);
    return true;
}

void nvml_unload(void)
{
    if (handle)
        dlclose(handle);
    handle = NULL;
    file[0] = 0;
    memset(&nvml, 0, sizeof nvml);
}

const char *nvml_library(void)
{
    return file;
}

const char *nvml_text(nvml_ret ret)
{
    static const struct {
        nvml_ret ret;
        const char *text;
    } texts[] = {
        {NV_OK, "no error"},
        {NV_UNINIT, "the library is not initialized"},
        {NV_EINVAL, "invalid argument"},
        {NV_NOTSUP, "not supported"},
        {NV_NOPERM, "no permission to use the NVIDIA driver"},
        {NV_NOTFOUND, "not found"},
        {NV_TOOSMALL, "the buffer is too small"},
        {NV_NODRIVER, "the NVIDIA driver is not loaded"},
        {NV_TIMEOUT, "timeout"},
        {NV_NOFUNC, "the library has no such function"},
        {NV_LOST, "GPU is lost"},
        {NV_RESET, "GPU requires a reset"},
        {NV_MISMATCH, "the library and the loaded NVIDIA driver are of different versions"},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].ret == ret)
            return texts[i].text;
    }
    return "unknown error";
}
