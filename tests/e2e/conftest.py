"""A real daemon for black-box tests. CAIL_BIN names the folder of the programs (default build/bin)."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from daemon import Daemon  # noqa: E402
from lab import lab, labs  # noqa: E402,F401


@pytest.fixture
def make_daemon(tmp_path):
    """make_daemon("--set", "jobs.log_cap_mib=4"): started, and ended after the test."""
    made = []

    def make(*args, start=True, **kw):
        folder = tmp_path / f"d{len(made)}"
        folder.mkdir()
        made.append(Daemon(folder, *args, **kw))
        return made[-1].start() if start else made[-1]

    yield make
    for d in made:
        d.finish()


@pytest.fixture
def daemon(make_daemon):
    return make_daemon("--set", "jobs.cpus=4")


@pytest.fixture
def gate(tmp_path):
    """gate("name") makes a fifo; a job that reads it stands still until .open() lets it pass."""

    class Gate:
        def __init__(self, name):
            self.path = tmp_path / name
            os.mkfifo(self.path)

        def __str__(self):
            return str(self.path)

        def open(self, text="go\n"):
            with open(self.path, "w") as f:
                f.write(text)

    return Gate
