"""Stands in for docker: a `docker` program that hands its work to a server, as docker's does. So containers are
no descendants of who called it, live on when the caller dies, and end only when the server is told. The server
runs them by podman."""
import array
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading


def call(path, argv):
    """The program: its files go to the server, TERM too; its exit code comes from there."""
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    body = json.dumps({"argv": argv, "env": dict(os.environ), "cwd": os.getcwd()}).encode()
    s.sendmsg([len(body).to_bytes(4, "big")],
              [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
    s.sendall(body)
    signal.signal(signal.SIGTERM, lambda *_: s.sendall(b"T"))
    signal.signal(signal.SIGINT, lambda *_: s.sendall(b"T"))
    code = s.recv(1)
    return code[0] if code else 125


class Docker:
    def __init__(self, folder, podman):
        self.podman, self.runs = podman, []
        self.path = str(folder / "docker.sock")
        self.bin = folder / "bin"
        self.bin.mkdir()
        program = self.bin / "docker"
        program.write_text(f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})\n"
                           f"from docker_standin import call\nsys.exit(call({self.path!r}, sys.argv[1:]))\n")
        program.chmod(0o755)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def env(self):
        """What cail-d is started with."""
        return {"PATH": f"{self.bin}:{os.environ['PATH']}", "DOCKER_HOST": f"unix://{self.path}"}

    def serve(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=[s], daemon=True).start()

    def one(self, s):
        head, controls, _, _ = s.recvmsg(4, socket.CMSG_SPACE(12))
        files = array.array("i", bytes(controls[0][2]))
        body = b""
        while len(body) < int.from_bytes(head, "big"):
            body += s.recv(65536)
        asked = json.loads(body)
        argv = asked["argv"]
        self.runs.append(argv)
        if argv[:2] == ["rm", "--force"]:  # docker kills at once
            argv = ["rm", "--force", "--time", "0", *argv[2:]]
        p = subprocess.Popen(["podman", *argv], stdin=files[0], stdout=files[1], stderr=files[2], cwd=asked["cwd"],
                             env={**asked["env"], "PATH": os.environ["PATH"], **self.podman.env})
        for fd in files:
            os.close(fd)
        threading.Thread(target=self.hand_on, args=[s, p], daemon=True).start()
        code = p.wait()
        try:
            s.sendall(bytes([code if code >= 0 else 128 - code]))
            s.close()
        except OSError:
            pass  # the caller is dead

    def hand_on(self, s, p):
        try:
            while s.recv(1) == b"T":
                p.send_signal(signal.SIGTERM)
        except OSError:
            pass

    def close(self):
        self.listener.close()
