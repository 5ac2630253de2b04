#!/usr/bin/env python3
"""fill_store.py CAIL_DB QUEUED FINISHED: multiplies the jobs of a stopped daemon's store.

The store must hold a succeeded job 1 (with its attempt) and a queued job 2, both made by the daemon
itself; every row added is one of them with other ids, so the file is what the daemon would have
written."""
import sqlite3
import sys


def copies(db, table, template, n, change):
    """n rows like `template`, with the columns of `change` computed from i = 0..n-1."""
    names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(change.get(name, name) for name in names)
    db.execute(
        f"""WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {n})
            INSERT INTO {table} ({", ".join(names)})
            SELECT {values} FROM n, {table} WHERE {template}""")


def main():
    path, queued, finished = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA cache_size = -200000")
    db.execute("BEGIN")
    for state, job in (("succeeded", 1), ("queued", 2)):
        found = db.execute("SELECT state FROM job WHERE id = ?", (job,)).fetchone()
        if not found or found[0] != state:
            sys.exit(f"job {job} of {path} is not {state}")
    copies(db, "job", "job.id = 1", finished, {"id": "3 + i"})
    copies(db, "attempt", "attempt.id = 1", finished,
           {"id": "3 + i", "job_id": "3 + i", "token": "printf('%032x', i)"})
    copies(db, "job", "job.id = 2", queued, {"id": f"{3 + finished} + i"})
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


main()
