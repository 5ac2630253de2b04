-- The whole first schema. Times are integer microseconds since 1970 UTC; states are the words of
-- enums.def. Rows of jobs stay for ever, and the daemon hands out ids above the largest, so an id
-- is never reused (AUTOINCREMENT would promise that again, at a write to its own table per insert).
-- References are checked at COMMIT: the order of statements inside a batch does not matter.
-- JSON columns hold objects; json_valid() cannot stand in a CHECK under trusted_schema=OFF (SQLite
-- 3.38 to 3.40 call it unsafe), and only the daemon's own JSON gets here.

CREATE TABLE job (
    id             INTEGER PRIMARY KEY,
    group_id       INTEGER REFERENCES job_group (id) DEFERRABLE INITIALLY DEFERRED,
    group_index    INTEGER NOT NULL DEFAULT 0,
    state          TEXT    NOT NULL CHECK (state IN ('held', 'queued', 'running', 'succeeded',
                       'failed', 'canceled', 'timed_out', 'lost', 'dep_failed')),
    kind           TEXT    NOT NULL CHECK (kind IN ('build', 'benchmark', 'check', 'service')),
    name           TEXT    NOT NULL,
    queue          TEXT    NOT NULL,
    recipe         TEXT,
    priority       INTEGER NOT NULL CHECK (priority BETWEEN -100 AND 100),
    spec           TEXT    NOT NULL CHECK (spec GLOB '{*}'),
    cpus           INTEGER NOT NULL,
    gpus           INTEGER NOT NULL,
    ports          INTEGER NOT NULL,
    memory_mib     INTEGER NOT NULL,
    gpu_memory_mib INTEGER NOT NULL,
    gpu_model      TEXT,
    exclusive      TEXT    NOT NULL CHECK (exclusive IN ('none', 'gpu', 'quiet')),
    share          INTEGER NOT NULL CHECK (share IN (0, 1)),
    timeout_s      INTEGER NOT NULL CHECK (timeout_s > 0),
    max_wait_s     INTEGER NOT NULL,
    created_at_us  INTEGER NOT NULL,
    queued_at_us   INTEGER NOT NULL,
    not_before_us  INTEGER NOT NULL,
    started_at_us  INTEGER,
    finished_at_us INTEGER,
    step           INTEGER NOT NULL,
    n_steps        INTEGER NOT NULL CHECK (n_steps > 0 AND step < n_steps),
    attempts_used  INTEGER NOT NULL,
    tries_used     INTEGER NOT NULL,
    max_tries      INTEGER NOT NULL CHECK (max_tries > 0),
    retry_on       INTEGER NOT NULL,
    backoff_s      INTEGER NOT NULL,
    blocked_by     INTEGER NOT NULL,
    uid            INTEGER NOT NULL,
    user           TEXT    NOT NULL,
    pr             TEXT,
    reason         TEXT,
    exit_code      INTEGER,
    signal         INTEGER,
    cached         INTEGER NOT NULL CHECK (cached IN (0, 1)),
    ready          INTEGER NOT NULL CHECK (ready IN (0, 1)),
    cancel         INTEGER NOT NULL CHECK (cancel IN (0, 1)),
    cancel_grace_ms INTEGER NOT NULL,
    flags          INTEGER NOT NULL,
    CHECK ((finished_at_us IS NOT NULL)
           = (state IN ('succeeded', 'failed', 'canceled', 'timed_out', 'lost', 'dep_failed')))
) STRICT;
-- Start-up reads the live jobs alone: their number, not the history's, sets its time.
CREATE INDEX job_live ON job (id) WHERE state IN ('held', 'queued', 'running');
CREATE INDEX job_group_member ON job (group_id, group_index) WHERE group_id IS NOT NULL;
CREATE INDEX job_recipe ON job (recipe, id) WHERE recipe IS NOT NULL;
CREATE INDEX job_pr ON job (pr, id) WHERE pr IS NOT NULL;

CREATE TABLE job_group (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL,
    size          INTEGER NOT NULL CHECK (size > 0),
    max_parallel  INTEGER NOT NULL,
    fail_fast     INTEGER NOT NULL CHECK (fail_fast IN (0, 1)),
    created_at_us INTEGER NOT NULL
) STRICT;

CREATE TABLE job_after (
    job_id   INTEGER NOT NULL REFERENCES job (id) DEFERRABLE INITIALLY DEFERRED,
    position INTEGER NOT NULL,
    on_job   INTEGER NOT NULL REFERENCES job (id) DEFERRABLE INITIALLY DEFERRED,
    when_    TEXT    NOT NULL CHECK (when_ IN ('succeeded', 'failed', 'finished', 'ready')),
    PRIMARY KEY (job_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE job_label (
    job_id INTEGER NOT NULL REFERENCES job (id) DEFERRABLE INITIALLY DEFERRED,
    key    TEXT    NOT NULL,
    value  TEXT    NOT NULL,
    PRIMARY KEY (job_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_label_by_value ON job_label (key, value, job_id);

-- One schedulable piece of a job; `number` counts attempts over all its steps.
CREATE TABLE attempt (
    id             INTEGER PRIMARY KEY,
    job_id         INTEGER NOT NULL REFERENCES job (id) DEFERRABLE INITIALLY DEFERRED,
    number         INTEGER NOT NULL CHECK (number > 0),
    step           INTEGER NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('starting', 'running', 'stopping', 'exited',
                       'lost')),
    token          TEXT    NOT NULL,
    boot_id        TEXT    NOT NULL,
    executor       TEXT    NOT NULL,
    dir            TEXT    NOT NULL,
    created_at_us  INTEGER NOT NULL,
    started_at_us  INTEGER,
    ended_at_us    INTEGER,
    granted_cpus   INTEGER NOT NULL,
    cpu_list       TEXT,
    provenance     TEXT    CHECK (provenance GLOB '{*}'),
    files_gone     INTEGER NOT NULL CHECK (files_gone IN (0, 1)),
    cause          TEXT    CHECK (cause IN ('exited', 'signaled', 'timeout', 'idle_timeout',
                       'canceled', 'exec_failed', 'out_of_memory', 'void', 'lost')),
    exit_code      INTEGER,
    signal         INTEGER,
    exec_errno     INTEGER,
    wall_us        INTEGER,
    user_us        INTEGER,
    system_us      INTEGER,
    max_rss_bytes  INTEGER,
    instructions   INTEGER,
    cycles         INTEGER,
    branch_misses  INTEGER,
    log_bytes      INTEGER,
    hole_from      INTEGER,
    hole_to        INTEGER,
    killed         INTEGER,
    unkillable     TEXT,
    UNIQUE (job_id, number),
    CHECK ((ended_at_us IS NOT NULL) = (state IN ('exited', 'lost')))
) STRICT;
CREATE INDEX attempt_files ON attempt (ended_at_us)
    WHERE files_gone = 0 AND ended_at_us IS NOT NULL;

-- What an attempt holds alone: cards by uuid, ports. A thing has at most one open lease.
CREATE TABLE lease (
    id         INTEGER PRIMARY KEY,
    attempt_id INTEGER NOT NULL REFERENCES attempt (id) DEFERRABLE INITIALLY DEFERRED,
    kind       TEXT    NOT NULL,
    what       TEXT    NOT NULL,
    since_us   INTEGER NOT NULL,
    until_us   INTEGER
) STRICT;
CREATE UNIQUE INDEX lease_open ON lease (kind, what) WHERE until_us IS NULL;
CREATE INDEX lease_of_attempt ON lease (attempt_id);

CREATE TABLE queue (
    name   TEXT    PRIMARY KEY,
    limit_ INTEGER NOT NULL CHECK (limit_ >= 0),
    paused INTEGER NOT NULL CHECK (paused IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    key         TEXT    PRIMARY KEY,
    body_sha256 TEXT    NOT NULL,
    job_id      INTEGER,
    group_id    INTEGER,
    at_us       INTEGER NOT NULL,
    CHECK ((job_id IS NULL) <> (group_id IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE result (
    id          INTEGER PRIMARY KEY,
    job_id      INTEGER NOT NULL REFERENCES job (id) DEFERRABLE INITIALLY DEFERRED,
    attempt_id  INTEGER NOT NULL REFERENCES attempt (id) DEFERRABLE INITIALLY DEFERRED,
    benchmark   TEXT    NOT NULL,
    params      TEXT    NOT NULL CHECK (params GLOB '{*}'),
    metric      TEXT    NOT NULL,
    unit        TEXT    NOT NULL,
    better      TEXT    NOT NULL CHECK (better IN ('lower', 'higher', 'neutral')),
    metric_kind TEXT    NOT NULL CHECK (metric_kind IN ('time', 'rate', 'count', 'exact')),
    status      TEXT    NOT NULL CHECK (status IN ('ok', 'failed', 'skipped', 'not_verified',
                    'nan')),
    samples     BLOB    NOT NULL, -- packed little-endian f64
    value       REAL
) STRICT;
CREATE INDEX result_of_job ON result (job_id);
CREATE INDEX result_series ON result (benchmark, metric, job_id);

CREATE TABLE artifact (
    job_id     INTEGER NOT NULL REFERENCES job (id) DEFERRABLE INITIALLY DEFERRED,
    attempt_id INTEGER NOT NULL REFERENCES attempt (id) DEFERRABLE INITIALLY DEFERRED,
    name       TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    sha256     TEXT    NOT NULL,
    diff       INTEGER NOT NULL CHECK (diff IN (0, 1)),
    PRIMARY KEY (job_id, attempt_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE build_cache (
    key             TEXT    PRIMARY KEY,
    recipe          TEXT    NOT NULL,
    params          TEXT    NOT NULL CHECK (params GLOB '{*}'),
    sha             TEXT,
    path            TEXT    NOT NULL,
    bytes           INTEGER NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('building', 'ready')),
    created_at_us   INTEGER NOT NULL,
    last_used_at_us INTEGER NOT NULL,
    uses            INTEGER NOT NULL,
    job_id          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
