-- Results over history. A series is a benchmark, a metric, canonical parameters and a fingerprint of
-- the machine; its id and the fingerprint's are the first 63 bits of the SHA-256 of what they stand
-- for, so the same series has the same id in every store. A row here is made by the insert of a
-- result and never goes: what retention takes are the raw samples of `result`.

-- `result` is found by job or through a point; the names are in `series`.
DROP INDEX result_series;
-- What retention may still thin.
CREATE INDEX result_raw ON result (id) WHERE samples <> x'';

-- What two results must share to be compared over time, in canonical JSON.
CREATE TABLE fingerprint (
    id    INTEGER PRIMARY KEY,
    doc   TEXT    NOT NULL CHECK (doc GLOB '{*}'),
    at_us INTEGER NOT NULL
) STRICT;

-- unit to last_value are those of the newest point.
CREATE TABLE series (
    id             INTEGER PRIMARY KEY,
    benchmark      TEXT    NOT NULL,
    metric         TEXT    NOT NULL,
    params         TEXT    NOT NULL CHECK (params GLOB '{*}'),
    fingerprint_id INTEGER NOT NULL REFERENCES fingerprint (id) DEFERRABLE INITIALLY DEFERRED,
    unit           TEXT    NOT NULL,
    better         TEXT    NOT NULL CHECK (better IN ('lower', 'higher', 'neutral')),
    metric_kind    TEXT    NOT NULL CHECK (metric_kind IN ('time', 'rate', 'count', 'exact')),
    recipe         TEXT,
    recipe_version TEXT,
    points         INTEGER NOT NULL,
    last_at_us     INTEGER NOT NULL,
    last_job_id    INTEGER NOT NULL,
    last_value     REAL
) STRICT;
CREATE INDEX series_by_name ON series (benchmark, metric, params, id);

-- The summary of one result. sha NULL: nobody said which commit it was.
CREATE TABLE point (
    series_id  INTEGER NOT NULL REFERENCES series (id) DEFERRABLE INITIALLY DEFERRED,
    at_us      INTEGER NOT NULL,
    result_id  INTEGER NOT NULL REFERENCES result (id) DEFERRABLE INITIALLY DEFERRED,
    job_id     INTEGER NOT NULL,
    sha        TEXT,
    status     TEXT    NOT NULL CHECK (status IN ('ok', 'failed', 'skipped', 'not_verified',
                   'nan')),
    flags      INTEGER NOT NULL, -- the job's
    n          INTEGER NOT NULL,
    median     REAL,
    low        REAL,
    high       REAL,
    mad        REAL, -- median of the distances from the median
    PRIMARY KEY (series_id, at_us, result_id)
) STRICT, WITHOUT ROWID;

-- What is known of a commit: its place among the others orders a series.
CREATE TABLE commit_info (
    sha             TEXT PRIMARY KEY,
    position        INTEGER, -- along the first parents of the default branch
    committed_at_us INTEGER,
    author          TEXT,
    subject         TEXT
) STRICT, WITHOUT ROWID;

-- A place to compare with: a commit or a job.
CREATE TABLE baseline (
    name   TEXT    PRIMARY KEY,
    sha    TEXT,
    job_id INTEGER REFERENCES job (id) DEFERRABLE INITIALLY DEFERRED,
    note   TEXT,
    user   TEXT    NOT NULL,
    at_us  INTEGER NOT NULL,
    CHECK ((sha IS NULL) <> (job_id IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE release (
    name  TEXT    PRIMARY KEY,
    sha   TEXT    NOT NULL,
    user  TEXT    NOT NULL,
    at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A remark at a commit, or at a time; of one benchmark, or of all.
CREATE TABLE annotation (
    id         INTEGER PRIMARY KEY,
    benchmark  TEXT,
    sha        TEXT,
    on_at_us   INTEGER,
    text       TEXT    NOT NULL,
    url        TEXT,
    user       TEXT    NOT NULL,
    at_us      INTEGER NOT NULL,
    CHECK ((sha IS NULL) <> (on_at_us IS NULL))
) STRICT;

-- What a person said of a change point, by the points beside it: change points are found anew at
-- each look and may move by a point or two.
CREATE TABLE change_state (
    series_id    INTEGER NOT NULL REFERENCES series (id) DEFERRABLE INITIALLY DEFERRED,
    before_point TEXT    NOT NULL, -- a commit, or job-N
    after_point  TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('open', 'acknowledged', 'ignored', 'fixed')),
    note         TEXT,
    url          TEXT,
    user         TEXT    NOT NULL,
    at_us        INTEGER NOT NULL,
    PRIMARY KEY (series_id, after_point)
) STRICT, WITHOUT ROWID;
