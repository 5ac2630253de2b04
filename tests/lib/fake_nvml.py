"""State files of the fake libnvidia-ml.so.1 (fake_nvml/README.md). Standard library alone."""
import os
import pathlib


def library(build_bin, kind=""):
    """Path of a fake library beside the programs' folder; kind: "", "few", "none"."""
    return pathlib.Path(build_bin).parent / "fake_nvml" / kind / "libnvidia-ml.so.1"


class Card(dict):
    """Keys of [card] or [mig]; lists of "proc" lines and of MIG devices."""

    def __init__(self, uuid, **keys):
        super().__init__(uuid=uuid, **keys)
        self.procs, self.migs = [], []

    def proc(self, pid, mib="-", kind="compute"):
        self.procs.append("%d %s %s" % (pid, mib, kind))
        return self

    def lines(self, head):
        out = [head] + ["%s=%s" % item for item in self.items()] + ["proc=" + p for p in self.procs]
        for mig in self.migs:
            out += mig.lines("[mig]")
        return out


class FakeNvml:
    """The machine's cards; write() makes the library see them as they are now, all at once."""

    def __init__(self, path, *cards, **keys):
        self.path, self.cards, self.keys = pathlib.Path(path), list(cards), keys

    def write(self, **keys):
        self.keys.update(keys)
        lines = ["%s=%s" % item for item in self.keys.items()]
        for card in self.cards:
            lines += card.lines("[card]")
        fresh = self.path.with_suffix(".new")
        fresh.write_text("\n".join(lines) + "\n")
        os.replace(fresh, self.path)
        return self

    def card(self, uuid):
        return next(c for c in self.cards if c["uuid"] == uuid)

    def set(self, uuid, **keys):
        self.card(uuid).update(keys)
        return self.write()
