"""What only a build can show: the compiler's own list of includes, and what pure rooms call."""
import os
import re
import subprocess
from pathlib import Path

import floors
import pytest

BUILD = Path(os.environ.get("CAIL_BUILD", floors.ROOT / "build"))
ROOMS = floors.read()

pytestmark = pytest.mark.skipif(not (BUILD / "build.ninja").exists(), reason=f"no build in {BUILD}")

# Ways out of a pure room: files, streams, sockets, clocks, chance, threads, processes, environment.
WAYS_OUT = set("""
open open64 openat openat64 creat fopen fopen64 fdopen freopen opendir fdopendir read pread pread64 write pwrite
pwrite64 readv writev stat stat64 lstat lstat64 fstat fstat64 fstatat fstatat64 access faccessat unlink rename
mkdir close ioctl fcntl fcntl64 dup dup2 pipe pipe2 mmap mmap64
printf fprintf vprintf vfprintf dprintf vdprintf puts fputs putchar fputc putc fwrite fread fgets getline fflush
perror stdout stderr stdin syslog
socket connect bind listen accept send recv sendto recvfrom sendmsg recvmsg poll select epoll_wait getaddrinfo
time gettimeofday clock clock_gettime ftime localtime localtime_r mktime strftime nanosleep usleep sleep
rand srand random srandom rand_r drand48 lrand48 getrandom getentropy arc4random
getenv secure_getenv setenv putenv environ __environ
pthread_create pthread_mutex_lock pthread_mutex_unlock fork vfork execve execvp posix_spawn kill waitpid system
popen getpid getuid geteuid getpwuid getpwuid_r gethostname uname sysconf
""".split())


def fortified(symbol):
    """__read_chk -> read, __isoc99_sscanf -> sscanf."""
    m = re.fullmatch(r"__(?:isoc\d+_)?(\w+?)(?:_chk)?", symbol)
    return {symbol, m[1]} if m else {symbol}


def undefined(objects):
    """{symbol: object} that the linker must find elsewhere."""
    text = subprocess.run(["nm", "-A", "-u", *objects], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0]: line.split(":")[0] for line in text.splitlines()}


def objects(room):
    found = sorted((BUILD / "CMakeFiles" / f"room_{room}.dir").rglob("*.c.o"))
    sources = sorted((floors.ROOT / "daemon" / room).glob("*.c"))
    # Objects of sources that are gone stay in a build folder.
    return [o for o in found if (floors.ROOT / "daemon" / room / o.name[:-2]) in sources]


PURE = [r.name for r in ROOMS.values() if r.pure and list((floors.ROOT / "daemon" / r.name).glob("*.c"))]


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_call_nothing_that_leaves_them(room):
    found = objects(room)
    assert found, f"{room} is not built"
    bad = {s: o for s, o in undefined(found).items() if fortified(s) & WAYS_OUT}
    assert not bad


def test_the_list_of_ways_out_can_fail():
    """base/fsx.c and base/clock.c do leave; the check sees it."""
    seen = {name for s in undefined(objects("base")) for name in fortified(s)}
    assert {"clock_gettime", "write"} <= seen & WAYS_OUT


def compiled_includes():
    """{source: {headers of the project}} from ninja's record of the compiler's dependency files."""
    text = subprocess.run(["ninja", "-C", str(BUILD), "-t", "deps"], check=True, capture_output=True,
                          text=True).stdout
    found = {}
    for block in text.split("\n\n"):
        files = [Path(line.strip()) for line in block.splitlines()[1:]]
        here = [Path(os.path.relpath(f, floors.ROOT)) for f in files if f.is_relative_to(floors.ROOT)]
        units = [f for f in here if f.suffix == ".c" and (floors.ROOT / f).exists()]
        if units:
            found.setdefault(units[0], set()).update(files and set(files))
    return found


def reach(room):
    """The rooms that its includes may bring with them."""
    found, todo = {room}, [room]
    while todo:
        new = ROOMS[todo.pop()].rooms - found
        found |= new
        todo += new
    return found


def test_what_the_compiler_read():
    """Transitive includes as well: nothing of a floor above, and libmicrohttpd in its files alone."""
    seen = compiled_includes()
    assert len([p for p in seen if p.parts[0] == "daemon"]) > 60
    for source, headers in seen.items():
        room = floors.room_of(source)
        if room is None:
            continue
        for header in headers:
            if header.name == "microhttpd.h":
                assert re.match(r"daemon/http/(server|mhd\w*)\.c", str(source)), source
            if not header.is_relative_to(floors.ROOT) or header.suffix != ".h":
                continue
            other = floors.room_of(header.relative_to(floors.ROOT))
            if other and not (floors.ROOT / header).exists():
                continue
            assert other in {None} | reach(room), f"{source} comes to read {header}"
