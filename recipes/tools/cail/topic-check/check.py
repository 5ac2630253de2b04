"""check.py RULES WORKTREE BASE TITLE OUT: an upstream's rules, read from its file, against the commits of
a topic. One line for each rule, passed or failed with the fix; OUT gets the same as JSON.

Standard library alone. Nothing in the worktree is changed; what it runs are the formatters and tests
that the rules name, without a shell."""
import fnmatch
import glob
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

COMMITS_MAX = 500
FILES_MAX = 2000  # more do not go on one command line
SHOWN_MAX = 40    # lines of a tool's output


def more_path():
    """Where a person's tools are; a job's PATH is the system's."""
    home = os.path.expanduser("~")
    llvm = sorted(glob.glob("/usr/lib/llvm-*/bin"), key=lambda p: int(re.search(r"-(\d+)/", p)[1]), reverse=True)
    return os.pathsep.join([os.environ["PATH"], f"{home}/.cargo/bin", f"{home}/.local/bin", *llvm])


def count(n, what):
    return f"{n} {what}" + ("" if n == 1 else "s")


class Commit:
    def __init__(self, git, sha):
        fields = git("log", "-1", "--format=%an%x00%ae%x00%cn%x00%ce%x00%P%x00%B", sha).split("\0", 5)
        self.sha, (self.author, self.email, self.committer, self.committer_email, parents, body) = sha, fields
        self.is_merge = len(parents.split()) > 1
        self.lines = body.rstrip("\n").split("\n")
        self.subject = self.lines[0] if self.lines else ""

    def __str__(self):
        return f'{self.sha[:12]} "{self.subject[:60]}"'

    def signers(self):
        return [m[1].strip().lower() for m in re.finditer(r"(?m)^Signed-off-by: .*<([^<>]*)>\s*$",
                                                          "\n".join(self.lines))]


class Check:
    def __init__(self, rules_file, tree, base, title):
        row = json.loads(pathlib.Path(rules_file).read_text())
        self.name, self.rules = row["name"], row["rules"]
        self.tree, self.title, self.rows = tree, title, []
        self.env = {**os.environ, "PATH": more_path(), "LC_ALL": "C.UTF-8"}
        self.base = self.git("rev-parse", "--verify", "-q", base + "^{commit}").strip()
        self.head = self.git("rev-parse", "HEAD").strip()
        shas = self.git("rev-list", "--reverse", f"--max-count={COMMITS_MAX + 1}", f"{self.base}..HEAD").split()
        self.commits = [Commit(self.git, s) for s in shas[:COMMITS_MAX]]
        self.too_many = len(shas) > COMMITS_MAX
        changed = self.git("diff", "--name-only", "-z", "--diff-filter=d", f"{self.base}...HEAD", "--")
        self.files = [f for f in changed.split("\0") if f]

    def git(self, *args):
        done = subprocess.run(["git", "-C", self.tree, *args], capture_output=True, env=getattr(self, "env", None))
        if done.returncode:
            sys.exit(f"error: git {args[0]} in {self.tree}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode(errors="replace")

    def run(self, argv, **env):
        """(exit code, output); 127 when it is not there."""
        if shutil.which(argv[0], path=self.env["PATH"]) is None:
            return 127, f"{argv[0]} is not here"
        done = subprocess.run(argv, cwd=self.tree, env={**self.env, **env}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout.decode(errors="replace")

    # --- what is said ---

    def say(self, state, rule, text, fix=None, output=""):
        self.rows.append({"rule": rule, "state": state, "text": text, "fix": fix})
        word = {"passed": "ok", "failed": "FAIL", "skipped": "skip", "note": "note"}[state]
        print(f"{word:5} {rule:12} {text}")
        lines = output.rstrip().splitlines()
        for line in lines[:SHOWN_MAX]:
            print(f"      | {line}")
        if len(lines) > SHOWN_MAX:
            print(f"      | ... {len(lines) - SHOWN_MAX} more lines")
        if fix:
            print(f"      fix: {fix}")
        sys.stdout.flush()

    def each(self, rule, wrong, good, fix):
        """One line: the commits for which wrong() gives a sentence, or `good`."""
        found = [f"{c}: {why}" for c in self.commits if not c.is_merge and (why := wrong(c))]
        if found:
            more = f"; {len(found) - 1} more like it" if len(found) > 1 else ""
            self.say("failed", rule, found[0] + more, fix)
        else:
            self.say("passed", rule, good)

    # --- the rules ---

    def history(self):
        merges = [c for c in self.commits if c.is_merge]
        dirty = self.git("status", "--porcelain", "--untracked-files=no").splitlines()
        if not self.commits:
            self.say("failed", "commits", f"nothing was committed on top of {self.base[:12]}",
                     "git commit" + (" -s" if self.rules["sign_off"] else ""))
        elif merges:
            self.say("failed", "commits", f"{merges[0]} is a merge", f"git rebase {self.base[:12]}")
        elif self.too_many:
            self.say("failed", "commits", f"more than {COMMITS_MAX} commits: is this the right base?")
        else:
            self.say("passed", "commits", f"{count(len(self.commits), 'commit')}, {count(len(self.files), 'file')}, no merge")
        if dirty:
            self.say("note", "commits", f"{len(dirty)} changed files are not committed and not looked at")
        bad = self.run(["git", "diff", "--check", f"{self.base}...HEAD", "--"])
        if bad[0] == 2:
            self.say("failed", "white space", "the change adds white space errors",
                     f"git rebase --whitespace=fix {self.base[:12]}", bad[1])

    def wrong_title(self, text):
        rule = self.rules["title"]
        if len(text) > rule["max"]:
            return f"{len(text)} characters, at most {rule['max']}"
        if not re.search(rule["pattern"], text):
            return f"wants {rule['say']}"
        return None

    def titles(self):
        rule = self.rules["title"]
        last = "git commit --amend" if len(self.commits) == 1 else f"git rebase -i {self.base[:12]}"
        fix = f"{last}   # as in \"{rule['example']}\""
        if rule["on"] == "every":
            self.each("title", lambda c: self.wrong_title(c.subject), "every commit's subject is fine", fix)
        if rule["on"] == "first" or self.title:
            title = self.title or (self.commits[0].subject if self.commits else "")
            why = self.wrong_title(title)
            if why:
                self.say("failed", "title", f'"{title[:80]}": {why}', fix)
            elif title:
                self.say("passed", "title", title)

    def messages(self):
        rule = self.rules["message"]

        def wrong(c):
            if len(c.lines) > 1 and c.lines[1]:
                return "the second line is not empty"
            long = [line for line in c.lines[2:] if 0 < rule["body_max"] < len(line)
                    and not any(re.search(e, line) for e in rule["exempt"])]
            return f"a line of {len(long[0])} characters, at most {rule['body_max']}" if long else None
        self.each("message", wrong, "every message is in form", f"git rebase -i {self.base[:12]}   # reword")

    def sign_off(self):
        if not self.rules["sign_off"]:
            return

        def wrong(c):
            if {c.email.lower(), c.committer_email.lower()} & set(c.signers()):
                return None
            other = f"; it is signed off by {c.signers()[0]}" if c.signers() else ""
            return f"no Signed-off-by of {c.author} <{c.email}>{other}"
        fix = "git commit --amend -s --no-edit" if len(self.commits) == 1 else \
            f"git rebase --signoff {self.base[:12]}"
        self.each("sign-off", wrong, "every commit is signed off by its author", fix)

    def email(self):
        if self.rules["public_email"]:
            self.each("e-mail", lambda c: "a public address is expected" if "noreply" in c.email.lower() else None,
                      "every author has a public address",
                      'git config user.email ADDRESS; git rebase -r --exec "git commit --amend --no-edit '
                      f'--reset-author" {self.base[:12]}')

    def matching(self, globs):
        return [f for f in self.files if any(fnmatch.fnmatchcase(f, g) for g in globs)]

    def argv(self, words, files):
        out = []
        for word in words:
            out += ["./" + f for f in files] if word == "{files}" else [word.replace("{base}", self.base)]
        return out

    def toolchain(self, program):
        """A rust tool that its own rust-toolchain file keeps from running is asked from `stable`."""
        if program not in ("rustfmt", "cargo") or self.run([program, "--version"])[0] == 0:
            return {}
        return {"RUSTUP_TOOLCHAIN": "stable"}

    def formatter(self, f):
        """False: it could not look."""
        files = self.matching(f["files"])
        if not files:
            self.say("passed", "formatter", f"{f['name']}: no file of its kind was changed")
            return True
        if len(files) > FILES_MAX or shutil.which(f["needs"], path=self.env["PATH"]) is None:
            return False
        code, output = self.run(self.argv(f["check"], files), **self.toolchain(f["needs"]))
        if code in f.get("cannot", []) or any(s in output for s in f.get("cannot_say", [])):
            return False
        heard = [line for line in output.splitlines() if line.strip()]
        told = [line for line in heard if not any(s in line for s in f.get("silent", []))]
        if code == 0 and not ("silent" in f and told):
            self.say("passed", "formatter", f"{f['name']}: {count(len(files), 'file')}")
        else:
            fix = f["fix"].replace("{base}", self.base[:12]).replace("{files}", " ".join(files[:5]))
            self.say("failed", "formatter", f"{f['name']} would change files", fix, output)
        return True

    def formatters(self):
        for group in self.rules["formatters"]:
            if not any(self.formatter(f) for f in group):
                f = group[0]
                self.say("skipped", "formatter", f"{f['name']} is not here or cannot run (Debian: {f['package']})")

    def quick_tests(self):
        for t in self.rules["quick_tests"]:
            files = self.matching(t["files"])
            if not files or len(files) > FILES_MAX:
                continue
            env = self.toolchain(t["needs"])
            if shutil.which(t["needs"], path=self.env["PATH"]) is None:
                self.say("skipped", "test", f"{t['name']}: {t['needs']} is not here")
            elif "probe" in t and self.run(t["probe"], **env)[0]:
                self.say("skipped", "test", f"{t['name']}: it cannot run here ({' '.join(t['probe'])})")
            else:
                code, output = self.run(self.argv(t["run"], files), **env)
                if code in t.get("cannot", []):
                    self.say("skipped", "test", f"{t['name']}: it cannot run here", None, output)
                elif code:
                    self.say("failed", "test", f"{t['name']}: exit code {code}", "see its output", output)
                else:
                    self.say("passed", "test", t["name"])

    def advice(self):
        for e in self.rules["expects"]:
            if self.matching(e["when"]) and not self.matching(e["also"]):
                self.say("note", "reviewers", e["say"])
        if self.rules["cla"]:
            self.say("note", "CLA", self.rules["cla"])

    def all(self):
        print(f"{self.name}: {self.head[:12]} against {self.base[:12]}")
        self.history()
        if self.commits and not self.too_many:
            for rule in (self.titles, self.messages, self.sign_off, self.email, self.formatters,
                         self.quick_tests, self.advice):
                rule()
        failed = sum(r["state"] == "failed" for r in self.rows)
        looked = sum(r["state"] in ("passed", "failed") for r in self.rows)
        print(f"{failed} of {looked} failed" if failed else f"all {looked} passed")
        return failed


def main():
    rules, tree, base, title, out = sys.argv[1:]
    check = Check(rules, tree, base, title)
    failed = check.all()
    pathlib.Path(out).write_text(json.dumps({"upstream": check.name, "head": check.head, "base": check.base,
                                             "failed": failed, "rules": check.rows}, indent=1) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
