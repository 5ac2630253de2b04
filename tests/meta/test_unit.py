"""The systemd unit: no complaint of systemd-analyze, and what it relies on is really there."""
import configparser
import os
import shutil
import subprocess

import floors
import pytest

UNIT = floors.ROOT / "systemd" / "cail-d.service"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
def test_systemd_has_nothing_to_say(tmp_path):
    """The tool wants the program and the manual pages to exist; both are put where the unit looks."""
    program = tmp_path / ".local" / "bin" / "cail-d"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for n, page in ((8, "cail-d.8"), (5, "cail.conf.5")):
        folder = tmp_path / "man" / f"man{n}"
        folder.mkdir(parents=True)
        shutil.copy(floors.ROOT / "docs" / "man" / page, folder)
    env = dict(os.environ, HOME=str(tmp_path), MANPATH=f"{tmp_path / 'man'}:", XDG_RUNTIME_DIR=str(tmp_path))
    done = subprocess.run(["systemd-analyze", "--user", "verify", str(UNIT)], env=env, capture_output=True,
                          text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_jobs_outlive_a_restart_and_the_daemon_says_when_it_is_ready():
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str
    unit.read(UNIT)
    service = unit["Service"]
    assert service["KillMode"] == "process" and service["Delegate"] == "yes"
    assert service["Type"] == "notify"
    main = (floors.ROOT / "daemon" / "main.c").read_text()
    assert '"READY=1"' in main and f"EXIT_SETUP = {service['RestartPreventExitStatus']}" in main
