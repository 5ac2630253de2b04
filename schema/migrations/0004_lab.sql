-- Pull requests and topics known to the lab.
CREATE TABLE pr (
    id            INTEGER PRIMARY KEY,
    url           TEXT    NOT NULL UNIQUE,
    brief         TEXT    NOT NULL UNIQUE, -- 'llvm#123'
    upstream      TEXT    NOT NULL,
    number        INTEGER NOT NULL CHECK (number > 0),
    title         TEXT,
    state         TEXT    NOT NULL CHECK (state IN ('unknown', 'open', 'merged', 'closed')),
    author        TEXT,
    head_sha      TEXT,
    base_sha      TEXT,
    base_ref      TEXT,
    note          TEXT,
    fetched_at_us INTEGER,
    created_at_us INTEGER NOT NULL,
    updated_at_us INTEGER NOT NULL
) STRICT;

CREATE TABLE topic (
    id            INTEGER PRIMARY KEY,
    upstream      TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    branch        TEXT    NOT NULL,
    worktree      TEXT    NOT NULL,
    fork          TEXT,
    base_branch   TEXT,
    base_sha      TEXT,
    head_sha      TEXT,
    ahead         INTEGER,
    behind        INTEGER,
    check_job     INTEGER, -- said by a client: no reference that could fail at COMMIT
    check_sha     TEXT,
    pr            TEXT,
    closed        INTEGER NOT NULL CHECK (closed IN (0, 1)),
    created_at_us INTEGER NOT NULL,
    updated_at_us INTEGER NOT NULL,
    UNIQUE (upstream, name)
) STRICT;
