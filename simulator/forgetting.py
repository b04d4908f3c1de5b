"""All that is kept of a user, removed: rows, the index of their guides, and, of a machine's one user, files as well.

Knows which files the program makes beside its database. Never touches the model's weights, another user's words, or a
file that the user made by an export, a download or a backup; what another host was sent cannot be called back.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from simulator.errors import StorageError
from simulator.program import Program
from simulator.records import LOCAL


def forget_everything(program: Program, owner: str = LOCAL) -> None:
    """Leave nothing of the owner. Where that is a machine's one user, no word is left in the raw bytes of the data
    and the cache folder. The program goes on, with nothing kept of the owner.

    Raises StorageError, with what is left to do, where a file is held by another program or cannot be removed.
    """
    program.records.of(owner).empty()
    program.outbox(owner).empty()
    try:
        program.forget_index(owner)
        if owner == LOCAL:
            _forget_older_indexes(program)
            for file in _traces(program):
                file.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"Not all is deleted: {error.filename} cannot be removed: {error.strerror}.", "Remove that file yourself."
        ) from error


def _forget_older_indexes(program: Program) -> None:
    """An older program put the user's guides into one index with the shipped passages."""
    kept = program.index().path
    for other in kept.parent.iterdir():
        if other.is_dir() and other != kept:
            shutil.rmtree(other)


def _traces(program: Program) -> Iterator[Path]:
    data, cache = program.settings.data_dir, program.settings.cache_dir
    yield data / "allowed-hosts.txt"  # an older program's consents
    yield from data.glob("*.before-restore-*")  # what a restored backup replaced
    yield from data.glob(".interviews.db.*")  # a copy that was never finished
    yield from (cache / "logs").glob("*")
