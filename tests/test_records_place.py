"""Where the database may lie: a made-up table of mounts, and the folder that really is on this disk."""

from pathlib import Path

import pytest

from simulator.errors import StorageError
from simulator.records import Records
from simulator.records import place as module
from simulator.records.place import kind_of


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder; the table of mounts is `tmp_path / "mounts"`."""
    monkeypatch.setattr(module, "MOUNTS", tmp_path / "mounts")
    home = tmp_path / "my home"
    home.mkdir()
    return home


def table(*mounts: tuple[Path | str, str]) -> str:
    """The lines of the kernel's table, with its escapes and its optional fields."""
    escaped = ((str(point).replace("\\", r"\134").replace(" ", r"\040"), kind) for point, kind in mounts)
    return "".join(
        f"{n} 1 0:{n} / {point} rw,relatime shared:{n} master:1 - {kind} server:/a rw,vers=4\n"
        for n, (point, kind) in enumerate(escaped, 30)
    )


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse", "fuse.sshfs", "fuse.rclone"])
def test_on_a_share_the_program_does_not_start_and_says_why(mounted: Path, kind: str) -> None:
    module.MOUNTS.write_text(table(("/", "ext4"), (mounted, kind), (mounted / "other", "ext4")))
    with pytest.raises(StorageError) as refused:
        Records(mounted / "data" / "interviews.db")
    assert f"({kind})" in refused.value.problem and str(mounted) in refused.value.problem
    assert "SIMULATOR_DATA_DIR" in refused.value.fix
    assert not list((mounted / "data").iterdir())


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "apfs", "overlay", "tmpfs", "fuseblk", "fuse.gocryptfs"])
def test_on_a_disk_of_this_machine_it_starts_whatever_is_mounted_beside_it(mounted: Path, kind: str) -> None:
    module.MOUNTS.write_text(
        table(("/", "nfs4"), (mounted, kind), (f"{mounted} of old", "cifs"), (mounted / "b", "9p"))
    )
    Records(mounted / "interviews.db").close()


def test_the_deepest_mount_counts_and_of_two_in_one_place_the_later(mounted: Path) -> None:
    deep = mounted / "a" / "b"
    module.MOUNTS.write_text(table((mounted, "ext4"), (mounted / "a", "nfs"), (mounted / "a", "xfs"), (deep, "cifs")))
    kinds = [kind_of(one) for one in (mounted, mounted / "a" / "bc", deep, deep / "c" / "d")]
    assert kinds == ["ext4", "xfs", "cifs", "cifs"]


def test_a_link_is_where_it_leads_to(mounted: Path) -> None:
    (mounted / "far").mkdir()
    (mounted / "near").symlink_to(mounted / "far")
    module.MOUNTS.write_text(table(("/", "ext4"), (mounted / "far", "nfs")))
    with pytest.raises(StorageError, match=r"\(nfs\)"):
        Records(mounted / "near" / "interviews.db")


@pytest.mark.parametrize("text", [None, "", "no table\n", "1 2 3 - ext4 x\n", "30 1 0:30 / / rw shared:1\n"])
def test_where_there_is_no_table_nothing_is_refused(mounted: Path, text: str | None) -> None:
    if text is not None:
        module.MOUNTS.write_text(text)
    assert kind_of(mounted) == ""
    Records(mounted / "interviews.db").close()


@pytest.mark.skipif(not module.MOUNTS.exists(), reason="only Linux has such a table; elsewhere nothing is refused")
def test_the_machines_own_table_is_read() -> None:
    assert kind_of(Path("/proc")) == "proc"
