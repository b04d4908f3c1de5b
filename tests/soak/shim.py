"""The disk that fails: `faults.c`, compiled for this machine and loaded before libc into a process of its own."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("faults.c")
WHERE = sys.platform.startswith("linux")
"""Whether this system lets a library stand before libc, as LD_PRELOAD does."""


def compiled(folder: Path) -> Path:
    """The library, made in that folder. Raises LookupError where there is no C compiler."""
    compiler = shutil.which("cc")
    if not compiler:
        raise LookupError("Power cuts and full disks are made by a small C library: apt-get install gcc libc6-dev")
    library = folder / "faults.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run([*command, "-lpthread"], check=True)
    return library


def environment(library: Path, disk: Path, synced: Path | None = None) -> dict[str, str]:
    """The environment of a process whose files in `disk` are on that disk; what it syncs is copied to `synced`."""
    here = str(Path(__file__).parents[1])
    given = {
        "LD_PRELOAD": str(library),
        "SOAK_DISK": str(disk),
        "PYTHONPATH": os.pathsep.join([here, str(SOURCE.parents[2])]),
    }
    return os.environ | given | ({"SOAK_SYNCED": str(synced)} if synced else {})


class Disk:
    """The switches of the disk, in a process that has the library loaded."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.soak_room.argtypes = [ctypes.c_long]
        self._library.soak_writes.restype = self._library.soak_failures.restype = ctypes.c_long

    def fill(self, writes: int) -> None:
        """Let the disk be full after so many more writes."""
        self._library.soak_room(writes)

    def make_room(self) -> None:
        self._library.soak_room(-1)

    def fail(self, per_mille: int, seed: int) -> None:
        """Let so many of a thousand writes and syncs fail from now on."""
        self._library.soak_errors(per_mille, seed)

    @property
    def writes(self) -> int:
        """Writes so far, failed ones included."""
        return int(self._library.soak_writes())

    @property
    def failures(self) -> int:
        """Writes and syncs that failed so far."""
        return int(self._library.soak_failures())
