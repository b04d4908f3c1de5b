"""Whether a folder is on this machine's own disk, as SQLite's write-ahead log needs it.

Reads the table of mounts that Linux keeps. Where there is none (macOS, Windows) nothing is known, and nothing is
refused.
"""

import re
from pathlib import Path

from simulator.errors import StorageError

MOUNTS = Path("/proc/self/mountinfo")
SHARED = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "vboxsf", "fuse"})
"""Types of file systems that several machines may write to."""
ENCRYPTED = frozenset({"fuse.gocryptfs", "fuse.encfs", "fuse.cryfs", "fuse.securefs"})
"""What a user's own folder may be kept in; any other `fuse` may have a network behind it."""
_ESCAPED = re.compile(r"\\([0-7]{3})")


def require_own_disk(folder: Path) -> None:
    """Raises StorageError where this folder is on a share: the log's index is memory that only the programs of one
    machine have in common."""
    kind = kind_of(folder)
    if kind in SHARED or (kind.startswith("fuse.") and kind not in ENCRYPTED):
        raise StorageError(
            f"Interviews cannot be kept in {folder}: it is on a network share ({kind}), where two machines would "
            "damage the file.",
            "Set SIMULATOR_DATA_DIR to a folder on a disk of this machine.",
        )


def kind_of(folder: Path) -> str:
    """The type of the file system that holds this folder; empty where it cannot be told."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    except OSError:
        return ""
    place, best, kind = folder.resolve(), 0, ""
    for line in lines:
        mount, _, filed = line.partition(" - ")
        fields = mount.split(" ")
        if len(fields) > 4 and filed:
            point = Path(_ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4]))
            # Of two mounts in one place the later one is seen.
            if place.is_relative_to(point) and len(point.parts) >= best:
                best, kind = len(point.parts), filed.split(" ")[0]
    return kind
