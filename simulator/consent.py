"""Which hosts may be sent the candidate's answers: asked once a host, kept as lines of a file in the data folder."""

from pathlib import Path

from simulator.errors import StorageError
from simulator.settings import stays_here

FILE = "allowed-hosts.txt"


def given(folder: Path, host: str) -> bool:
    """Whether the user has said so."""
    try:
        return host in (folder / FILE).read_text(encoding="utf-8").splitlines()
    except OSError:
        return False  # it is asked again


def settled(folder: Path, host: str) -> bool:
    """Whether answers may go to this host: it is this machine, or the user has said so."""
    return stays_here(host) or given(folder, host)


def give(folder: Path, host: str) -> None:
    """The user says so. Raises StorageError."""
    try:
        with (folder / FILE).open("a", encoding="utf-8") as file:
            file.write(f"{host}\n")
    except OSError as error:
        raise StorageError(f"{folder / FILE} cannot be written: {error.strerror}.", "Free some space.") from error
