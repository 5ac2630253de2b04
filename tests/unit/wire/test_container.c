/* container{}: what is taken, the engine's command line word by word, what its failures mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/str.h"
#include "wire/container.h"

#define SHA "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_names_of_images(void **state)
{
    (void)state;
    static const char *const good[] = {
        "busybox",
        "ubuntu:24.04",
        "localhost/cail-test:1",
        "a/b/c",
        "h.example/a:b_C-1",
        "h.example:5000/a/b:1",
        "localhost:5000/x",
        "a" SHA,
        "h.example:1/a:t" SHA,
        "e3f3446e41d6",
        "nvcr.io/nvidia/tritonserver:24.08-py3",
    };
    static const char *const bad[] = {
        "",
        "-v",
        "--privileged",
        "a b",
        "a\nb",
        "A",
        "a//b",
        "/a",
        "a/",
        "a:",
        "a:-x",
        "a@sha256:12",
        "a@md5:x",
        "dir:a",
        "oci:a",
        "../a",
        "a/../b",
        "docker://a",
        "docker-archive:/etc/passwd",
        "a;b",
        "$(id)",
        "a:b:c",
        "h:x/a",
        "h:123456/a",
        "a/-b",
        "a" SHA SHA,
        "containers-storage:a",
        "a,b",
        "\"a\"",
        "\xc3\xa9",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!container_image_ok(good[i]))
            fail_msg("%s was refused", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (container_image_ok(bad[i]))
            fail_msg("\"%s\" was taken", bad[i]);
    char longest[CONTAINER_IMAGE_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[CONTAINER_IMAGE_MAX + 1] = 0;
    assert_false(container_image_ok(longest));
    longest[CONTAINER_IMAGE_MAX] = 0;
    assert_true(container_image_ok(longest));
}

static void test_paths(void **state)
{
    (void)state;
    static const char *const good[] = {"/", "/a", "/a/b.c", "/a/..b", "/a b", "/a/.x"};
    static const char *const bad[] = {"",      "a",      "/a/",  "//a",  "/a//b", "/.",    "/..",
                                      "/a/..", "/a/./b", "/a,b", "/a:b", "/a\"b", "/a\\b", "/a\nb"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!container_path_ok(good[i]))
            fail_msg("%s was refused", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (container_path_ok(bad[i]))
            fail_msg("\"%s\" was taken", bad[i]);
}

static int check(const char *text, struct cail_err *err)
{
    struct jpath at = {.len = 0};
    CLEANUP(json_decrefp) json_t *v = json_loads(text, 0, NULL);
    assert_non_null(v);
    memset(err, 0, sizeof *err);
    return container_check(v, &at, err);
}

static void test_what_is_refused_names_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *pointer;
    } rows[] = {
        {"[]", ""},
        {"{}", ""},
        {"{\"image\":1}", "/image"},
        {"{\"image\":\"a b\"}", "/image"},
        {"{\"image\":\"a\",\"engine\":\"lxc\"}", "/engine"},
        {"{\"image\":\"a\",\"network\":\"container:x\"}", "/network"},
        {"{\"image\":\"a\",\"shm_mib\":0}", "/shm_mib"},
        {"{\"image\":\"a\",\"shm_mib\":1048577}", "/shm_mib"},
        {"{\"image\":\"a\",\"privileged\":true}", "/privileged"},
        {"{\"image\":\"a\",\"ports\":[65536]}", "/ports/0"},
        {"{\"image\":\"a\",\"ports\":[8000],\"network\":\"host\"}", ""},
        {"{\"image\":\"a\",\"mounts\":{}}", "/mounts"},
        {"{\"image\":\"a\",\"mounts\":[{}]}", "/mounts/0"},
        {"{\"image\":\"a\",\"mounts\":[{\"source\":\"b\"}]}", "/mounts/0/source"},
        {"{\"image\":\"a\",\"mounts\":[{\"source\":\"/\"}]}", "/mounts/0/source"},
        {"{\"image\":\"a\",\"mounts\":[{\"source\":\"/proc/1\"}]}", "/mounts/0/source"},
        {"{\"image\":\"a\",\"mounts\":[{\"source\":\"/dev\"}]}", "/mounts/0/source"},
        {"{\"image\":\"a\",\"mounts\":[{\"source\":\"/b\",\"target\":\"/\"}]}", "/mounts/0/target"},
        {"{\"image\":\"a\",\"mounts\":[{\"source\":\"/b\",\"target\":\"/sys/x\"}]}",
         "/mounts/0/target"},
        {"{\"image\":\"a\",\"mounts\":[{\"source\":\"/b\",\"mode\":\"rw\"}]}", "/mounts/0/mode"},
        {"{\"image\":\"a\",\"mounts\":[{\"source\":\"/b\",\"readonly\":1}]}", "/mounts/0/readonly"},
        {"{\"image\":\"a\",\"mounts\":[{\"source\":\"/b\"},{\"source\":\"/c\",\"target\":\"/b\"}]}",
         "/mounts/1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cail_err err;
        if (!check(rows[i].text, &err) || strcmp(err.pointer, rows[i].pointer) != 0)
            fail_msg("%s gave \"%s\" (%s)", rows[i].text, err.pointer, err.text);
    }
    struct cail_err err;
    assert_int_equal(check("{\"image\":\"a\",\"mounts\":[{\"source\":\"/dev/shm\",\"target\":"
                           "\"/x\"},{\"source\":\"/processor\"}],\"ports\":[1,65535]}",
                           &err),
                     0);
}

/* The argv as lines. */
static void expect(const char *json, const struct container_start *s, const char *wanted)
{
    CLEANUP(json_decrefp) json_t *v = json_loads(json, 0, NULL);
    struct container *c = container_read(v);
    char **argv = container_argv(c, s);
    CLEANUP(str_done) struct str got = STR_INIT;
    for (char **a = argv; *a; a++)
        str_addf(&got, "%s\n", *a);
    assert_string_equal(got.p, wanted);
    container_argv_free(argv);
    container_free(c);
}

static void test_the_least(void **state)
{
    (void)state;
    const char *folders[] = {"/s/attempts/0/7-1", "/b", NULL};
    const char *env[] = {"CAIL_ATTEMPT_TOKEN=", "SECRET=x y", "PATH=/bin", "LD_PRELOAD=/x", NULL};
    const char *argv[] = {"sh", "-c", "echo $HOME; rm -rf \"/\"", NULL};
    struct container_start s = {.program = "/usr/bin/podman",
                                .is_podman = true,
                                .name = "cail-7-0123abcd",
                                .token = "0123abcd4567",
                                .attempt_id = 7,
                                .cwd = "/s/attempts/0/7-1",
                                .cpu_list = "2,3",
                                .folder = folders,
                                .env = env,
                                .argv = argv};
    expect("{\"image\":\"a:1\"}", &s,
           "/usr/bin/podman\nrun\n--rm\n--init\n--name\ncail-7-0123abcd\n"
           "--label\ncail.token=0123abcd4567\n--label\ncail.attempt=7\n--log-driver\nnone\n"
           "--security-opt\nno-new-privileges\n--user\n0:0\n--network\nnone\n"
           "--env\nNVIDIA_VISIBLE_DEVICES=void\n"
           "--mount\ntype=bind,source=/s/attempts/0/7-1,target=/s/attempts/0/7-1\n"
           "--mount\ntype=bind,source=/b,target=/b\n--workdir\n/s/attempts/0/7-1\n"
           "--env\nCAIL_ATTEMPT_TOKEN\n--env\nSECRET\n--env\nPATH=/bin\n--env\nLD_PRELOAD=/x\n"
           "a:1\nsh\n-c\necho $HOME; rm -rf \"/\"\n");
}

static void test_everything(void **state)
{
    (void)state;
    const char *folders[] = {"/s/7-1", "/b", NULL}, *shown[] = {"/r", NULL}, *env[] = {NULL};
    const char *argv[] = {"--help", "-v", "/:/x", NULL}, *uuids[] = {"GPU-a", "GPU-b"};
    const uint16_t port[] = {21000, 21001};
    const char *json = "{\"image\":\"h.example:5000/a" SHA "\",\"shm_mib\":1024,\"ports\":[8000],"
                       "\"mounts\":[{\"source\":\"/d\",\"target\":\"/data\",\"readonly\":true},"
                       "{\"source\":\"/my b\",\"target\":\"/b\"}]}";
    struct container_start s = {.program = "/usr/bin/docker",
                                .has_cpusets = true,
                                .name = "cail-1-t",
                                .token = "t",
                                .attempt_id = 1,
                                .uid = 1000,
                                .gid = 100,
                                .cwd = "/w",
                                .cpu_list = "2,3",
                                .memory_mib = 512,
                                .uuids = uuids,
                                .n_uuids = 2,
                                .port = port,
                                .n_ports = 2,
                                .folder = folders,
                                .shown = shown,
                                .env = env,
                                .argv = argv};
    expect(json, &s,
           "/usr/bin/docker\nrun\n--rm\n--init\n--name\ncail-1-t\n--label\ncail.token=t\n"
           "--label\ncail.attempt=1\n--log-driver\nnone\n--security-opt\nno-new-privileges\n"
           "--user\n1000:100\n--network\nbridge\n--publish\n127.0.0.1:21000:8000\n"
           "--publish\n127.0.0.1:21001:21001\n--shm-size\n1024m\n--memory\n512m\n"
           "--cpuset-cpus\n2,3\n--gpus\n\"device=GPU-a,GPU-b\"\n"
           "--mount\ntype=bind,source=/s/7-1,target=/s/7-1\n"
           "--mount\ntype=bind,source=/r,target=/r,readonly\n"
           "--mount\ntype=bind,source=/d,target=/data,readonly\n"
           "--mount\ntype=bind,source=/my b,target=/b\n--workdir\n/w\n"
           "h.example:5000/a" SHA "\n--help\n-v\n/:/x\n");
}

static void test_podman_as_a_user_with_a_card(void **state)
{
    (void)state;
    const char *env[] = {NULL}, *argv[] = {"x", NULL}, *uuids[] = {"GPU-a", "MIG-b"};
    struct container_start s = {.program = "podman",
                                .is_podman = true,
                                .name = "n",
                                .token = "t",
                                .uid = 1000,
                                .gid = 1000,
                                .cwd = "/w",
                                .cpu_list = "1",
                                .uuids = uuids,
                                .n_uuids = 2,
                                .env = env,
                                .argv = argv};
    expect("{\"image\":\"a\",\"network\":\"host\"}", &s,
           "podman\nrun\n--rm\n--init\n--name\nn\n--label\ncail.token=t\n--label\ncail.attempt=0\n"
           "--log-driver\nnone\n--security-opt\nno-new-privileges\n--user\n1000:1000\n"
           "--userns\nkeep-id\n--network\nhost\n--device\nnvidia.com/gpu=GPU-a\n"
           "--device\nnvidia.com/gpu=MIG-b\n--workdir\n/w\na\nx\n");
}

static void test_variables_that_steer_the_engine(void **state)
{
    (void)state;
    static const char *const its[] = {
        "PATH",        "HOME",  "DOCKER_HOST", "CONTAINERS_CONF", "LD_PRELOAD", "XDG_RUNTIME_DIR",
        "https_proxy", "TMPDIR"};
    static const char *const not_its[] = {
        "SECRET",         "PATHS", "CAIL_PORTS", "CUDA_VISIBLE_DEVICES",
        "MY_DOCKER_HOST", "LANG",  "HF_TOKEN",   "H"};
    for (size_t i = 0; i < ARRAY_LEN(its); i++)
        if (!container_env_is_engines(its[i], strlen(its[i])))
            fail_msg("%s", its[i]);
    for (size_t i = 0; i < ARRAY_LEN(not_its); i++)
        if (container_env_is_engines(not_its[i], strlen(not_its[i])))
            fail_msg("%s", not_its[i]);
}

static void test_failures_of_the_engine(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *tail, *wanted; /* NULL = the job's own end */
    } rows[] = {
        {125, "Error: initializing source docker://a:latest: pinging container registry",
         "not here"},
        {125,
         "Unable to find image 'a:latest' locally\ndocker: Error response from daemon: pull "
         "access denied for a.\nSee 'docker run --help'.\n",
         "cannot be pulled"},
        {125, "docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n",
         "could not be started: Cannot connect"},
        {126, "Error: runc: exec: \"/etc\": permission denied\n", "cannot be executed"},
        {127, "docker: Error response from daemon: exec: \"x\": not found.\n", "not in the image"},
        {126, "Error: workdir \"/x\" does not exist on container 4\n", "container could not"},
        {1, "ERROR (catatonit:6): failed to exec pid1: No such file or directory\n", "not in the"},
        {1, "ERROR (catatonit:6): failed to exec pid1: Permission denied\n", "cannot be executed"},
        {127, "[FATAL tini (7)] exec /x failed: No such file or directory\n", "not in the image"},
        {1, "ERROR (catatonit:6): of a container in it\nmore\n", NULL},
        {127, "sh: x: not found\n", NULL},
        {1, "Error: the job's own words\n", NULL},
        {125, "", NULL},
        {125, "it says Error: in the middle\n", NULL},
    };
    char out[512];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool is = container_refusal(rows[i].code, "a", rows[i].tail, strlen(rows[i].tail), out,
                                    sizeof out);
        if (is != (rows[i].wanted != NULL) || (is && !strstr(out, rows[i].wanted)))
            fail_msg("%d %s: %s", rows[i].code, rows[i].tail, is ? out : "the job's");
    }
    assert_true(container_refusal(125, "a", "Error: \033[2J\x7f", 11, out, sizeof out));
    assert_non_null(strstr(out, "?[2J"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_images),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_what_is_refused_names_the_place),
        cmocka_unit_test(test_the_least),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_podman_as_a_user_with_a_card),
        cmocka_unit_test(test_variables_that_steer_the_engine),
        cmocka_unit_test(test_failures_of_the_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
