/* Every cap in one place, each with its reason. Sizes in bytes unless the name says otherwise. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* HTTP */
#define HTTP_BODY_MAX           (4u << 20) /* an array of 1,000 jobs of 4 KiB each */
#define HTTP_SCRIPT_MAX         (1u << 20) /* a script larger than this belongs in a file */
#define HTTP_HEADER_POOL        (32u << 10)
#define HTTP_QUERY_ARGS_MAX     32
#define HTTP_PATH_PARTS_MAX     16    /* an artifact may lie some folders deep */
#define HTTP_HEADER_DEADLINE_MS 10000 /* whole request head; security.md: slow clients */
#define HTTP_BODY_DEADLINE_MS   30000
#define HTTP_IDLE_MS            60000
#define HTTP_CONNECTIONS_MAX    1024
#define HTTP_STREAMS_MAX        256 /* SSE and log followers at once, answered 503 beyond */
#define HTTP_WAIT_MAX_S         300

/* JSON: jansson needs up to 79 x the input's size, so depth and size are held down. */
#define JSON_DEPTH_MAX 32

/* Jobs */
#define JOBS_PER_ARRAY_MAX    1000
#define MATRIX_JOBS_MAX       1000
#define JOBS_LIVE_MAX         200000 /* queued + running; beyond it 503 queue_full */
#define JOB_NAME_MAX          200
#define JOB_QUEUE_NAME_MAX    64
#define JOB_SPEC_MAX          (256u << 10)
#define JOB_ARGS_MAX          4096
#define JOB_ENV_MAX           512
#define JOB_AFTER_MAX         256
#define JOB_LABELS_MAX        32
#define JOB_LABEL_KEY_MAX     64
#define JOB_LABEL_VALUE_MAX   256
#define JOB_STEPS_MAX         64
#define JOB_ARTIFACTS_MAX     64
#define JOB_ATTEMPTS_MAX      100
#define JOB_PRIORITY_MIN      (-100)
#define JOB_PRIORITY_MAX      100
#define JOB_GPUS_MAX          64
#define JOB_PORTS_MAX         16
#define JOB_TIMEOUT_DEFAULT_S (24 * 3600)
#define JOB_TIMEOUT_MAX_S     (90 * 24 * 3600)
#define JOB_GRACE_DEFAULT_MS  10000
#define JOB_GRACE_MAX_MS      (3600 * 1000)
#define IDEMPOTENCY_KEY_MAX   200
#define IDEMPOTENCY_KEEP_S    (24 * 3600)
#define IDEMPOTENCY_KEYS_MAX  100000

/* Logs and results */
#define LOG_CAP_BYTES       (64ull << 20) /* head + tail kept; the middle is punched out */
#define RESULT_LINE_MAX     4096          /* one `::cail` line */
#define RESULTS_PER_JOB_MAX 20000
#define RESULT_SAMPLES_MAX  100000
#define RESULT_FILE_MAX     (64ull << 20)

/* Lists */
#define LIST_LIMIT_DEFAULT 50
#define LIST_LIMIT_MAX     1000

#define CAIL_PATH_MAX      4096

#endif
