/* container{}: what a client may ask for. */
#include "wire/container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

const char *const container_engine_words[] = {"auto", "docker", "podman"};
const char *const container_network_words[] = {"none", "bridge", "host"};

static const char *const known[] = {"image", "engine", "mounts", "network", "shm_mib", "ports"};

/* --- the name of an image --- */

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(char c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool digits(const char *p, size_t len)
{
    size_t n = 0;
    while (n < len && p[n] >= '0' && p[n] <= '9')
        n++;
    return n && n == len && n <= 5;
}

/* HOST[:PORT], which needs a dot, a port or to be localhost: else it is a part of the path. */
static bool is_host(const char *p, size_t len)
{
    const char *colon = memchr(p, ':', len);
    size_t name = colon ? (size_t)(colon - p) : len;
    if (colon && !digits(colon + 1, len - name - 1))
        return false;
    for (size_t i = 0; i < name; i++)
        if (!is_word(p[i]) && !((p[i] == '.' || p[i] == '-') && i && i + 1 < name))
            return false;
    bool local = name == 9 && memcmp(p, "localhost", 9) == 0;
    return name && (colon || local || memchr(p, '.', name));
}

static bool is_part(const char *p, size_t len)
{
    if (!len || !is_lower(p[0]) || !is_lower(p[len - 1]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_lower(p[i]) && !strchr("._-", p[i]))
            return false;
    return true;
}

static bool is_tag(const char *p, size_t len)
{
    if (!len || len > 128 || !is_word(p[0]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_word(p[i]) && p[i] != '.' && p[i] != '-')
            return false;
    return true;
}

static bool is_digest(const char *p)
{
    static const char start[] = "sha256:";
    size_t n = sizeof start - 1;
    return strncmp(p, start, n) == 0 && strlen(p + n) == 64 &&
           strspn(p + n, "0123456789abcdef") == 64;
}

/* podman takes "dir:x" for a folder and "docker-archive:x" for a file. */
static bool is_transport(const char *p, size_t len)
{
    static const char *const words[] = {
        "dir", "docker",      "docker-archive", "docker-daemon", "containers-storage",
        "oci", "oci-archive", "ostree",         "sif",           "tarball"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strlen(words[i]) == len && memcmp(words[i], p, len) == 0)
            return true;
    return false;
}

/* [HOST[:PORT]/]PART[/PART...] */
static bool is_name(const char *p, size_t len)
{
    bool first = true;
    for (;;) {
        const char *slash = memchr(p, '/', len);
        size_t n = slash ? (size_t)(slash - p) : len;
        if (!(first && slash && is_host(p, n)) && !is_part(p, n))
            return false;
        if (!slash)
            return true;
        p += n + 1;
        len -= n + 1;
        first = false;
    }
}

bool container_image_ok(const char *image)
{
    size_t len = strcspn(image, "@");
    if (strlen(image) > CONTAINER_IMAGE_MAX || (image[len] && !is_digest(image + len + 1)))
        return false;
    const char *slash = memrchr(image, '/', len), *last = slash ? slash + 1 : image;
    const char *colon = memchr(last, ':', len - (size_t)(last - image));
    size_t name = colon ? (size_t)(colon - image) : len;
    if (colon && !is_tag(colon + 1, len - name - 1))
        return false;
    return is_name(image, name) && !(colon && !slash && is_transport(image, name));
}

/* --- mounts --- */

bool container_path_ok(const char *path)
{
    if (path[0] != '/' || strlen(path) >= CAIL_PATH_MAX)
        return false;
    for (const char *c = path; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f || strchr(",:\"\\", *c))
            return false;
    for (const char *p = path; *p;) {
        size_t n = strcspn(++p, "/");
        if (!n)
            return p == path + 1 && !*p; /* "/" alone */
        if (p[0] == '.' && (n == 1 || (n == 2 && p[1] == '.')))
            return false;
        p += n;
    }
    return true;
}

/* At `folder`, or below it? */
static bool is_in(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && (!path[n] || path[n] == '/');
}

static int check_target(const char *target, const struct jpath *at, struct cail_err *err)
{
    static const char *const never[] = {"/proc", "/sys", "/dev", "/run/podman-init"};
    if (strcmp(target, "/") == 0)
        return err_set_at(err, E_BAD_FIELD, at->text, "nothing can be mounted over /");
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (is_in(target, never[i]))
            return err_set_at(err, E_BAD_FIELD, at->text, "nothing can be mounted over %s",
                              never[i]);
    return 0;
}

static int check_source(const char *source, const struct jpath *at, struct cail_err *err)
{
    static const char *const never[] = {"/proc", "/sys"};
    if (strcmp(source, "/") == 0)
        return err_set_at(err, E_BAD_FIELD, at->text,
                          "the whole machine is not mounted: name the folder that is needed");
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (is_in(source, never[i]))
            return err_set_at(err, E_BAD_FIELD, at->text, "%s is not mounted", never[i]);
    return 0;
}

static int check_path(json_t *v, struct jpath *at, bool target, struct cail_err *err)
{
    const char *text;
    int rc = json_get_str(v, at, CAIL_PATH_MAX - 1, "", &text, err);
    if (rc)
        return rc;
    if (!container_path_ok(text))
        return err_set_at(
            err, E_BAD_FIELD, at->text,
            "wants an absolute path without \".\", \"..\", //, a slash at its end and "
            "the characters , : \" \\");
    return target ? check_target(text, at, err) : check_source(text, at, err);
}

static int check_mount(json_t *v, struct jpath *at, struct cail_err *err)
{
    static const char *const members[] = {"source", "target", "readonly"};
    const char *key;
    json_t *m;
    if (!json_is_object(v) || !json_object_get(v, "source"))
        return err_set_at(err, E_BAD_FIELD, at->text,
                          "wants {\"source\": folder, \"target\": folder, \"readonly\": bool}");
    /* Without a target it is mounted under its own name, so that has to do as one. */
    bool both = !json_object_get(v, "target");
    json_object_foreach(v, key, m) {
        size_t mark = jpath_push(at, key);
        bool readonly;
        int rc = 0;
        if (strcmp(key, "source") == 0) {
            rc = check_path(m, at, false, err);
            rc = rc || !both ? rc : check_path(m, at, true, err);
        } else if (strcmp(key, "target") == 0) {
            rc = check_path(m, at, true, err);
        } else if (strcmp(key, "readonly") == 0) {
            rc = json_get_bool(m, at, &readonly, err);
        } else {
            jpath_pop(at, mark);
            rc = json_unknown(key, at, members, ARRAY_LEN(members), err);
        }
        if (rc)
            return rc;
        jpath_pop(at, mark);
    }
    return 0;
}

static const char *target_of(const json_t *mount)
{
    const json_t *target = json_object_get(mount, "target");
    return json_string_value(target ? target : json_object_get(mount, "source"));
}

static int check_mounts(json_t *v, struct jpath *at, struct cail_err *err)
{
    size_t n = json_array_size(v);
    if (!json_is_array(v) || n > CONTAINER_MOUNTS_MAX)
        return err_set_at(err, E_BAD_FIELD, at->text, "wants an array of at most %d mounts",
                          CONTAINER_MOUNTS_MAX);
    for (size_t i = 0; i < n; i++) {
        size_t mark = jpath_push_index(at, i);
        int rc = check_mount(json_array_get(v, i), at, err);
        if (rc)
            return rc;
        for (size_t k = 0; k < i; k++)
            if (strcmp(target_of(json_array_get(v, i)), target_of(json_array_get(v, k))) == 0)
                return err_set_at(err, E_BAD_FIELD, at->text, "is mounted over mount %zu", k);
        jpath_pop(at, mark);
    }
    return 0;
}

/* --- the whole --- */

static int check_image(const json_t *v, const struct jpath *at, struct cail_err *err)
{
    const char *text;
    int rc = json_get_str(v, at, CONTAINER_IMAGE_MAX, "", &text, err);
    if (rc || container_image_ok(text))
        return rc;
    return err_set_at(err, E_BAD_FIELD, at->text,
                      "\"%.100s\" is no image: wants [HOST[:PORT]/]NAME[:TAG][@sha256:...]", text);
}

static int check_ports(json_t *v, struct jpath *at, struct cail_err *err)
{
    size_t n = json_array_size(v);
    if (!json_is_array(v) || n > JOB_PORTS_MAX)
        return err_set_at(err, E_BAD_FIELD, at->text, "wants an array of at most %d ports",
                          JOB_PORTS_MAX);
    for (size_t i = 0; i < n; i++) {
        size_t mark = jpath_push_index(at, i);
        int64_t port;
        int rc = json_get_int(json_array_get(v, i), at, 1, 65535, &port, err);
        if (rc)
            return rc;
        jpath_pop(at, mark);
    }
    return 0;
}

static int check_member(const char *key, json_t *m, struct jpath *at, struct cail_err *err)
{
    int64_t n;
    int word;
    if (strcmp(key, "image") == 0)
        return check_image(m, at, err);
    if (strcmp(key, "engine") == 0)
        return json_get_word(m, at, container_engine_words, ENGINE_COUNT, &word, err);
    if (strcmp(key, "network") == 0)
        return json_get_word(m, at, container_network_words, NETWORK_COUNT, &word, err);
    if (strcmp(key, "shm_mib") == 0)
        return json_get_int(m, at, 1, INT64_C(1) << 20, &n, err);
    if (strcmp(key, "mounts") == 0)
        return check_mounts(m, at, err);
    return check_ports(m, at, err);
}

int32_t container_ports(const json_t *v)
{
    return (int32_t)json_array_size(json_object_get(v, "ports"));
}

int container_check(json_t *v, struct jpath *at, struct cail_err *err)
{
    const char *key;
    json_t *m;
    if (!json_is_object(v) || !json_object_get(v, "image"))
        return err_set_at(err, E_BAD_FIELD, at->text, "wants an object with an \"image\"");
    json_object_foreach(v, key, m) {
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            is_known |= strcmp(key, known[i]) == 0;
        if (!is_known)
            return json_unknown(key, at, known, ARRAY_LEN(known), err);
        size_t mark = jpath_push(at, key);
        int rc = check_member(key, m, at, err);
        if (rc)
            return rc;
        jpath_pop(at, mark);
    }
    const char *network = json_string_value(json_object_get(v, "network"));
    if (container_ports(v) && network && strcmp(network, "bridge") != 0)
        return err_set_at(err, E_BAD_FIELD, at->text,
                          "\"ports\" are published on network \"bridge\" alone");
    return 0;
}

/* 0, the first word, where nothing is said. */
static int word_at(const json_t *v, const char *key, const char *const words[], int n)
{
    const char *text = json_string_value(json_object_get(v, key));
    for (int i = 0; text && i < n; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    return 0;
}

enum container_network container_network(const struct container *c, int32_t n_leased)
{
    return !c->said_network && n_leased > 0 ? NETWORK_BRIDGE : c->network;
}

struct container *container_read(const json_t *v)
{
    const char *image = json_string_value(json_object_get(v, "image"));
    if (!image)
        return NULL;
    struct container *c = mem_zalloc(sizeof *c);
    c->image = image;
    c->engine = (enum container_engine)word_at(v, "engine", container_engine_words, ENGINE_COUNT);
    c->network =
        (enum container_network)word_at(v, "network", container_network_words, NETWORK_COUNT);
    c->said_network = json_object_get(v, "network") != NULL;
    c->shm_mib = json_integer_value(json_object_get(v, "shm_mib"));
    const json_t *mounts = json_object_get(v, "mounts"), *ports = json_object_get(v, "ports");
    c->n_mounts = json_array_size(mounts);
    c->mount = mem_array(c->n_mounts, sizeof *c->mount);
    for (size_t i = 0; i < c->n_mounts; i++) {
        const json_t *m = json_array_get(mounts, i);
        c->mount[i] =
            (struct container_mount){json_string_value(json_object_get(m, "source")), target_of(m),
                                     json_is_true(json_object_get(m, "readonly"))};
    }
    c->n_ports = json_array_size(ports);
    c->port = mem_array(c->n_ports, sizeof *c->port);
    for (size_t i = 0; i < c->n_ports; i++)
        c->port[i] = (uint16_t)json_integer_value(json_array_get(ports, i));
    return c;
}

void container_free(struct container *c)
{
    if (!c)
        return;
    free(c->mount);
    free(c->port);
    free(c);
}
