"""Runs the `cail` command for tests: a clean environment, a given daemon, bounded time."""
import fcntl
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import termios
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CAIL_BIN", ROOT / "build" / "bin"))
CAIL = str(BIN / "cail")
LIMIT_S = 60  # nothing takes that long: a stuck client fails its test


def environment(home, url=None, **more):
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", "TERM": "xterm"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "LD_PRELOAD"):
        if name in os.environ:
            env[name] = os.environ[name]
    if url:
        env["CAIL_URL"] = url
    env.update(more)
    return env


class Client:
    """One home directory and one daemon."""

    def __init__(self, home, daemon=None, url=None):
        self.home = home
        self.url = url or (daemon.url if daemon else None)

    def run(self, *args, stdin=b"", cwd=None, **env):
        return subprocess.run([CAIL, *map(str, args)], input=stdin, capture_output=True,
                              cwd=cwd or self.home, timeout=LIMIT_S,
                              env=environment(self.home, self.url, **env))

    def ok(self, *args, **kw):
        done = self.run(*args, **kw)
        assert done.returncode == 0, done
        return done.stdout.decode()

    def start(self, *args, **env):
        return subprocess.Popen([CAIL, *map(str, args)], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.home,
                                env=environment(self.home, self.url, **env))

    def terminal(self, *args, columns=80, **env):
        return Terminal([CAIL, *map(str, args)], self.home, columns,
                        environment(self.home, self.url, **env))


class Terminal:
    """A command with a terminal of its own; `seen` is every byte it has shown."""

    def __init__(self, argv, cwd, columns, env):
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(cwd)
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
                os.execve(argv[0], argv, env)
            finally:
                os._exit(99)

    def read(self, limit_s):
        if not select.select([self.fd], [], [], limit_s)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.seen += data
        return data != b""

    def expect(self, text):
        end = time.monotonic() + LIMIT_S
        while text not in self.seen:
            left = end - time.monotonic()
            assert left > 0 and self.read(left), "no %r in %r" % (text, self.seen)

    def ctrl_c(self):
        os.write(self.fd, b"\x03")

    def end(self):
        """The exit code, once everything it showed was read."""
        end = time.monotonic() + LIMIT_S
        while self.read(max(0, end - time.monotonic())):
            pass
        try:
            if time.monotonic() >= end:
                os.kill(self.pid, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        finally:
            os.close(self.fd)
