"""Manual pages: no warning of man(1), and every key of the settings in cail.conf(5)."""
import os
import re
import shutil
import subprocess

import floors
import pytest

PAGES = sorted([*(floors.ROOT / "client" / "man").glob("*.[1-8]"), *(floors.ROOT / "docs" / "man").glob("*.[1-8]")])
CONFIG_C = (floors.ROOT / "daemon" / "config.c").read_text()


def rendered(page):
    env = dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="80", MANROFFSEQ="", MAN_KEEP_FORMATTING="")
    return subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", str(page)], env=env, capture_output=True,
                          text=True)


@pytest.mark.skipif(not shutil.which("man"), reason="no man here")
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_page_has_no_warning(page):
    done = rendered(page)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout) > 500


def source(name):
    return (floors.ROOT / "docs" / "man" / name).read_text().replace("\\-", "-")


def keys():
    """{(section, key)} of the table in daemon/config.c."""
    table = re.search(r"keys\[\] = \{(.*?)\n\};", CONFIG_C, re.S)[1]
    return set(re.findall(r'\{"(\w+)", "(\w+)", ', table))


def documented():
    """{(section, key)} of cail.conf(5): .SS [section], then .TP and .B key."""
    found, section, before = set(), None, ""
    for line in source("cail.conf.5").splitlines():
        if m := re.match(r"\.SS \[(\w+)\]", line):
            section = m[1]
        elif (m := re.match(r"\.B (\w+)$", line)) and section and before == ".TP":
            found.add((section, m[1]))
        elif line.startswith(".SH"):
            section = None
        before = line
    return found


def test_every_key_is_documented_and_no_other():
    known = keys()
    assert len(known) > 10
    assert {k for k in documented() if k[0] != "upstreams"} == known


def test_every_option_of_the_daemon_is_documented():
    options = set(re.findall(r'\{"([\w-]+)", (?:required|no)_argument', CONFIG_C))
    assert len(options) > 8
    assert set(re.findall(r"^\.TP\n\.BI? --([\w-]+)", source("cail-d.8"), re.M)) == options
