/* container{} of a job request: the image its command runs in, and the command line of the engine
 * (docker or podman) that runs it. PURE. docs/CONTAINERS.md says what each member does. */
#ifndef WIRE_CONTAINER_H
#define WIRE_CONTAINER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "wire/json.h"

#define CONTAINER_IMAGE_MAX  512
#define CONTAINER_MOUNTS_MAX 64

enum container_engine { ENGINE_AUTO, ENGINE_DOCKER, ENGINE_PODMAN, ENGINE_COUNT };
enum container_network { NETWORK_NONE, NETWORK_BRIDGE, NETWORK_HOST, NETWORK_COUNT };
extern const char *const container_engine_words[];
extern const char *const container_network_words[];

struct container_mount {
    const char *source, *target; /* absolute */
    bool readonly;
};

/* As stored with the job; strings are borrowed from its JSON. */
struct container {
    const char *image;
    enum container_engine engine;
    enum container_network network; /* as said; nothing said: NONE without said_network */
    bool said_network;
    int64_t shm_mib;                /* 0 = the engine's own (64) */
    struct container_mount *mount;
    size_t n_mounts;
    uint16_t *port; /* inside; the i-th is published on the i-th leased port */
    size_t n_ports;
};

/* Is this the name of an image, as docker and podman take it: [HOST[:PORT]/]PATH[:TAG][@DIGEST]?
 * Nothing that an engine would take for an option or for another way of getting images. */
bool container_image_ok(const char *image);
/* An absolute path without "..", ".", empty parts or characters that --mount cannot hold. */
bool container_path_ok(const char *path);

/* Check a client's container{}. */
int container_check(json_t *v, struct jpath *at, struct cail_err *err) NODISCARD;
/* How many ports it publishes by itself. */
int32_t container_ports(const json_t *v);
/* Read one that was checked. Freed with container_free; NULL for NULL. */
struct container *container_read(const json_t *v);
/* The network it gets: what was said, else bridge where ports are leased, else none. */
enum container_network container_network(const struct container *c, int32_t n_leased);
void container_free(struct container *c);

/* What the engine is told beside the container{} itself. */
struct container_start {
    const char *program; /* path of docker or podman */
    bool is_podman;
    bool has_cpusets; /* the engine may set cpus: else the container inherits cail-run's */
    const char *name, *token;
    int64_t attempt_id;
    uid_t uid;
    gid_t gid;
    const char *cwd;          /* inside */
    const char *cpu_list;     /* NULL = not pinned */
    int64_t memory_mib;       /* 0 = no limit */
    const char *const *uuids; /* leased cards */
    size_t n_uuids;
    const uint16_t *port; /* leased, as many as needs.ports */
    size_t n_ports;
    const char *const *folder; /* cail's own, mounted under their own names; NULL-terminated */
    const char *const *shown;  /* the same, read-only */
    const char *const *env;    /* "K=V" for the job, NULL-terminated */
    const char *const *argv;   /* the job's command, NULL-terminated */
};

/* The engine's argv, NULL-terminated; the array and each string are the caller's:
 * container_argv_free. A variable's value is in it only when the engine itself would act on a
 * variable of that name; others are named alone and come from the engine's environment, because
 * every user of the machine can read arguments. */
char **container_argv(const struct container *c, const struct container_start *s);
void container_argv_free(char **argv);
/* Would docker or podman itself act on a variable of this name (PATH, DOCKER_HOST, LD_PRELOAD)? */
bool container_env_is_engines(const char *name, size_t len);

/* Why the engine ended with 125, 126 or 127, or the container's init with 1, instead of the job: a
 * sentence into out, from the last bytes of the output. False: the job itself ended so. */
bool container_refusal(int exit_code, const char *image, const char *tail, size_t len, char *out,
                       size_t size);

#endif
