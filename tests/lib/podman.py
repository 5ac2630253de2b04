"""A podman with a store of its own and one image: busybox under the names of its tools. Where podman is
absent, or cannot run a container here, UNUSABLE says why and tests skip."""
import atexit
import functools
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

IMAGE = "localhost/cail-test:1"
TOOLS = "sh ls cat sleep id touch mkdir echo env true false kill ps nc sed grep head date ln rm dd stat".split()

# What a machine may lack: the right to raise limits; cgroups that crun takes; the rest is podman's own.
SETTINGS = [
    "",
    '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n'
    '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n',
]


def busybox():
    for path in ("/bin/busybox", "/usr/bin/busybox"):
        if os.path.exists(path):
            said = subprocess.run(["ldd", path], capture_output=True, text=True)
            if said.returncode or "not a dynamic" in said.stdout + said.stderr:
                return path
    return None


def pack(path, program):
    with tarfile.open(path, "w") as tar:
        for name in ("bin", "etc", "tmp", "proc", "sys", "dev"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o777 if name == "tmp" else 0o755
            tar.addfile(folder)
        tar.add(program, "bin/busybox", filter=lambda f: (setattr(f, "mode", 0o755), f)[1])
        for tool in TOOLS:
            link = tarfile.TarInfo(f"bin/{tool}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)


class Podman:
    def __init__(self):
        # Not below pytest's folder: podman takes no runroot of more than 50 characters.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cail-pod", dir="/tmp"))
        atexit.register(self.done)
        self.env = {}
        self.unusable = self.prepare()

    def prepare(self):
        program = busybox()
        if not shutil.which("podman"):
            return "podman is not installed (apt install podman catatonit)"
        if not program:
            return "there is no static busybox (apt install busybox-static)"
        pack(self.folder / "root.tar", program)
        (self.folder / "storage.conf").write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{self.folder}/s"\nrunroot = "{self.folder}/r"\n')
        self.env["CONTAINERS_STORAGE_CONF"] = str(self.folder / "storage.conf")
        why = ""
        for settings in SETTINGS:
            (self.folder / "containers.conf").write_text(settings)
            self.env["CONTAINERS_CONF"] = str(self.folder / "containers.conf")
            done = self.run("import", str(self.folder / "root.tar"), IMAGE)
            if done.returncode == 0:
                done = self.run("run", "--rm", "--init", "--network", "none", "--log-driver", "none",
                                IMAGE, "/bin/true")
            if done.returncode == 0:
                return None
            why += f"; podman says: {(done.stderr.strip().splitlines() or ['nothing'])[-1]}"
        return why[2:]

    def run(self, *args):
        return subprocess.run(["podman", *args], capture_output=True, text=True, timeout=120,
                              env={**os.environ, **self.env})

    def names(self):
        return self.run("ps", "--all", "--format", "{{.Names}}").stdout.split()

    def done(self):
        if shutil.which("podman") and self.env:
            self.run("rm", "--all", "--force", "--time", "0")
            self.run("unshare", "rm", "-rf", str(self.folder)) if os.geteuid() else None
        shutil.rmtree(self.folder, ignore_errors=True)


@functools.cache
def podman():
    return Podman()
