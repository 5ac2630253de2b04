#!/usr/bin/env python3
"""fill_store.py CAIL_DB QUEUED FINISHED: multiplies the jobs of a stopped daemon's store.

The store must hold a succeeded job (with one attempt) and a queued one, both made by the daemon
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
    template = {}
    for state in ("succeeded", "queued"):
        found = db.execute("SELECT id FROM job WHERE state = ? ORDER BY id", (state,)).fetchone()
        if not found:
            sys.exit(f"{path} has no {state} job")
        template[state] = found[0]
    job = db.execute("SELECT max(id) + 1 FROM job").fetchone()[0]
    attempt = db.execute("SELECT max(id) + 1 FROM attempt").fetchone()[0]
    copies(db, "job", f"job.id = {template['succeeded']}", finished, {"id": f"{job} + i"})
    copies(db, "attempt", f"attempt.job_id = {template['succeeded']}", finished,
           {"id": f"{attempt} + i", "job_id": f"{job} + i", "token": "printf('%032x', i)"})
    copies(db, "job", f"job.id = {template['queued']}", queued, {"id": f"{job + finished} + i"})
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


main()
