"""All that is kept of the user, removed: rows, guides in the index, replaced databases, logs, consents.

Knows which files the program makes beside its database. Never touches the model's weights, or a file that the user
made by an export, a download or a backup; what another host was sent cannot be called back.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from simulator import consent
from simulator.conductor import Conductor
from simulator.errors import StorageError


def forget_everything(program: Conductor) -> None:
    """Leave nothing of the user's words in the raw bytes of the data and the cache folder. The program goes on with
    an empty store.

    Raises StorageError, with what is left to do, where a file is held by another program or cannot be removed.
    """
    program.records.empty()
    program.outbox.empty()
    try:
        _forget_guides(program, program.settings.data_dir / "index")
        for file in _traces(program):
            file.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"Not all is deleted: {error.filename} cannot be removed: {error.strerror}.", "Remove that file yourself."
        ) from error


def _forget_guides(program: Conductor, folder: Path) -> None:
    """Of all indexes that were built, keep the one of the shipped passages: the others hold the user's guides."""
    if not folder.is_dir():
        return
    kept = program.index().path
    for other in folder.iterdir():
        if other.is_dir() and other != kept:
            shutil.rmtree(other)


def _traces(program: Conductor) -> Iterator[Path]:
    data, cache = program.settings.data_dir, program.settings.cache_dir
    yield data / consent.FILE
    yield from data.glob("*.before-restore-*")  # what a restored backup replaced
    yield from data.glob(".interviews.db.*")  # a copy that was never finished
    yield from (cache / "logs").glob("*")
