"""Which hosts may be sent the candidate's answers: asked once a host, kept as lines of a file in the data folder."""

from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from simulator.errors import StorageError

FILE = "allowed-hosts.txt"


def stays_here(host: str) -> bool:
    """Whether a host (as in an address, with or without a port; empty for none) is this machine itself."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name in ("", "localhost")


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
