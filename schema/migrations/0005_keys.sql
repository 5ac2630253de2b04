-- An Idempotency-Key may have made a comparison (of stored runs, which has no job) or a bisection.
CREATE TABLE idempotency_new (
    key           TEXT    PRIMARY KEY,
    body_sha256   TEXT    NOT NULL,
    job_id        INTEGER,
    group_id      INTEGER,
    comparison_id INTEGER,
    bisection_id  INTEGER,
    at_us         INTEGER NOT NULL,
    CHECK ((job_id IS NOT NULL) + (group_id IS NOT NULL) + (comparison_id IS NOT NULL)
           + (bisection_id IS NOT NULL) = 1)
) STRICT, WITHOUT ROWID;
INSERT INTO idempotency_new (key, body_sha256, job_id, group_id, comparison_id, at_us)
SELECT i.key, i.body_sha256, iif(c.id IS NULL, i.job_id, NULL), i.group_id, c.id, i.at_us
FROM idempotency i LEFT JOIN comparison c ON c.measure_job = i.job_id;
DROP TABLE idempotency;
ALTER TABLE idempotency_new RENAME TO idempotency;
