-- Base against head. Written before anything of it runs; `spec` is the request in its own words,
-- `plan` what was decided from it (rounds, seed, looks). The three jobs are ordinary ones.
CREATE TABLE comparison (
    id             INTEGER PRIMARY KEY,
    state          TEXT    NOT NULL CHECK (state IN ('preparing', 'measuring', 'judging',
                       'finished', 'failed', 'canceled')),
    kind           TEXT    NOT NULL CHECK (kind IN ('paired', 'unpaired', 'aa')),
    name           TEXT    NOT NULL,
    recipe         TEXT,
    spec           TEXT    NOT NULL CHECK (spec GLOB '{*}'),
    plan           TEXT    NOT NULL CHECK (plan GLOB '{*}'),
    base_job       INTEGER REFERENCES job (id) DEFERRABLE INITIALLY DEFERRED,
    head_job       INTEGER REFERENCES job (id) DEFERRABLE INITIALLY DEFERRED,
    measure_job    INTEGER REFERENCES job (id) DEFERRABLE INITIALLY DEFERRED,
    uid            INTEGER NOT NULL,
    user           TEXT    NOT NULL,
    pr             TEXT,
    created_at_us  INTEGER NOT NULL,
    finished_at_us INTEGER,
    verdict        TEXT    CHECK (verdict IN ('regression', 'improvement', 'same', 'changed_small',
                       'inconclusive', 'not_comparable', 'failed', 'missing')),
    exit_code      INTEGER,
    reason         TEXT,
    judged         TEXT    CHECK (judged GLOB '{*}'), -- the rows of the report, when it ended
    CHECK ((finished_at_us IS NOT NULL) = (state IN ('finished', 'failed', 'canceled')))
) STRICT;
CREATE INDEX comparison_live ON comparison (id) WHERE state IN ('preparing', 'measuring', 'judging');
CREATE INDEX comparison_of_job ON comparison (measure_job) WHERE measure_job IS NOT NULL;
CREATE INDEX comparison_pr ON comparison (pr, id) WHERE pr IS NOT NULL;

-- One process of one side in one round; `seq` is the order in which they were begun.
CREATE TABLE measurement (
    comparison_id INTEGER NOT NULL REFERENCES comparison (id) DEFERRABLE INITIALLY DEFERRED,
    seq           INTEGER NOT NULL,
    batch         INTEGER NOT NULL, -- 0 = the experiment, 1 = confirmation
    round         INTEGER NOT NULL, -- -1 = warm-up
    side          TEXT    NOT NULL CHECK (side IN ('base', 'head')),
    attempt_id    INTEGER NOT NULL REFERENCES attempt (id) DEFERRABLE INITIALLY DEFERRED,
    state         TEXT    NOT NULL CHECK (state IN ('running', 'ok', 'tainted', 'failed', 'lost',
                      'void')),
    lease         INTEGER NOT NULL, -- counts this comparison's leases
    PRIMARY KEY (comparison_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX measurement_of_attempt ON measurement (attempt_id);

-- What identical code does on one machine: the noise floor of a series, from A/A comparisons.
CREATE TABLE aa_effect (
    comparison_id INTEGER NOT NULL REFERENCES comparison (id) DEFERRABLE INITIALLY DEFERRED,
    benchmark     TEXT    NOT NULL,
    params        TEXT    NOT NULL,
    metric        TEXT    NOT NULL,
    fingerprint   TEXT    NOT NULL,
    effect        REAL    NOT NULL, -- ln(head/base)
    alarm         INTEGER NOT NULL CHECK (alarm IN (0, 1)), -- it was judged to differ
    at_us         INTEGER NOT NULL,
    PRIMARY KEY (benchmark, params, metric, fingerprint, comparison_id)
) STRICT, WITHOUT ROWID;

-- The search for the commit that made a figure worse: a chain of comparisons. `spec` is the request
-- in its own words, `steps` what was asked and answered, in order; what comes next follows from them.
CREATE TABLE bisection (
    id             INTEGER PRIMARY KEY,
    state          TEXT    NOT NULL CHECK (state IN ('running', 'finished', 'failed', 'canceled')),
    name           TEXT    NOT NULL,
    recipe         TEXT    NOT NULL,
    spec           TEXT    NOT NULL CHECK (spec GLOB '{*}'),
    steps          TEXT    NOT NULL CHECK (steps GLOB '[[]*]'),
    comparison_id  INTEGER REFERENCES comparison (id) DEFERRABLE INITIALLY DEFERRED, -- runs now
    uid            INTEGER NOT NULL,
    user           TEXT    NOT NULL,
    pr             TEXT,
    created_at_us  INTEGER NOT NULL,
    finished_at_us INTEGER,
    culprit        TEXT,    -- the first bad commit, when it was found
    reason         TEXT,
    CHECK ((finished_at_us IS NULL) = (state = 'running'))
) STRICT;
CREATE INDEX bisection_live ON bisection (id) WHERE state = 'running';

-- The comparison of the two ends of a change point, by the points beside it.
CREATE TABLE change_check (
    series_id     INTEGER NOT NULL REFERENCES series (id) DEFERRABLE INITIALLY DEFERRED,
    before_point  TEXT    NOT NULL,
    after_point   TEXT    NOT NULL,
    comparison_id INTEGER NOT NULL REFERENCES comparison (id) DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (series_id, after_point)
) STRICT, WITHOUT ROWID;
