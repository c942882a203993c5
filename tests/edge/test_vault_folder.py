"""What the vault says it has, it has, whole, and after a power loss too."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.vault import CHUNK_BYTES, INCOMING, LEFTOVER_SECONDS, FileVault, Stored, Vault, VaultError, VaultFull
from tests.makers_storage import digest_of


@pytest.fixture
def vault(tmp_path: Path) -> FileVault:
    """An empty vault."""
    return FileVault(tmp_path / "vault")


@given(chunks=st.lists(st.binary(max_size=70_000), max_size=5))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_was_written_in_pieces_comes_back_whole(vault: FileVault, chunks: list[bytes]) -> None:
    """The digest is of all the bytes, in whatever pieces they came."""
    whole = b"".join(chunks)
    with vault.writing() as writer:
        for chunk in chunks:
            assert writer.write(chunk) == len(chunk)
        stored = writer.commit()

    assert stored == Stored(hashlib.sha256(whole).hexdigest(), len(whole))
    assert vault.read(stored.sha256) == whole
    assert vault.size(stored.sha256) == len(whole)
    assert vault.holds_intact(stored.sha256)


def test_the_same_bytes_are_kept_once(vault: FileVault) -> None:
    """A thousand copies of a form cost one."""
    digests = {vault.put(b"form").sha256 for _ in range(3)}

    assert list(vault.digests()) == [digest_of("form")] == list(digests)


def test_bytes_that_were_not_committed_are_nowhere(vault: FileVault) -> None:
    """A fetch that breaks off leaves neither blob nor temporary file."""
    with pytest.raises(ConnectionError), vault.writing() as writer:
        _break_off(writer)

    assert list(vault.digests()) == []
    assert list((vault.folder / INCOMING).iterdir()) == []


def _break_off(writer: object) -> None:
    writer.write(b"half")  # type: ignore[attr-defined]
    raise ConnectionError


def test_nobody_may_write_into_a_kept_file(vault: FileVault) -> None:
    """Files are 0440 and folders at most 0750: evidence is not changed by a slip of the hand."""
    path = vault.path_of(vault.put(b"form").sha256)

    assert stat.S_IMODE(path.stat().st_mode) == 0o440
    assert path.relative_to(vault.folder).parts == (path.name[:2], path.name[2:4], path.name)
    for folder in (path.parent, path.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) & 0o027 == 0


@pytest.mark.parametrize("harmed", [b"", b"farm", b"form and more"])
def test_a_damaged_blob_is_replaced_when_its_bytes_come_again(vault: FileVault, harmed: bytes) -> None:
    """A duplicate must never be believed to be there: after a bad restore, the next copy heals the vault."""
    path = vault.path_of(vault.put(b"form").sha256)
    path.chmod(0o640)
    path.write_bytes(harmed)
    assert not vault.holds_intact(path.name)
    with pytest.raises(VaultError, match="no longer match"):
        vault.read(path.name)

    vault.put(b"form")

    assert vault.read(path.name) == b"form"


def test_a_lost_blob_says_so(vault: FileVault) -> None:
    """Missing bytes are an error with a remedy, and no answer that looks like emptiness."""
    with pytest.raises(VaultError, match="does not hold") as error:
        vault.read(digest_of("form"))

    assert "backup" in error.value.remedy
    assert vault.size(digest_of("form")) is None
    assert not vault.holds_intact(digest_of("form"))


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "A" * 64, "g" * 64, "a" * 63, "a" * 64 + "\n", "a" * 64 + "/.."]
)
def test_only_a_digest_is_a_name(vault: FileVault, name: str) -> None:
    """No path ever comes from outside."""
    with pytest.raises(ValueError, match="SHA-256"):
        vault.open(name)


def test_leftovers_of_dead_writers_are_cleared_and_living_ones_left(vault: FileVault) -> None:
    """A killed process leaves a temporary file; the next start removes it, never that of a neighbour at work."""
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    incoming = vault.folder / INCOMING
    host = os.uname().nodename
    gone = incoming / f"{host}@{int(dead.stdout)}-0123"
    mine = incoming / f"{host}@{os.getpid()}-0123"
    elsewhere = incoming / "another.host@1-0123"
    forgotten = incoming / "another.host@2-0123"
    for path in (gone, mine, elsewhere, forgotten):
        path.write_bytes(b"half")
    then = time.time() - LEFTOVER_SECONDS - 60
    os.utime(forgotten, (then, then))

    FileVault(vault.folder)

    assert sorted(path.name for path in incoming.iterdir()) == sorted([mine.name, elsewhere.name])


@pytest.mark.parametrize("count", [1, 3, 4, 30])
def test_a_batch_becomes_durable_together(vault: FileVault, count: int) -> None:
    """Before its commit nothing is in the vault; after it everything is, doubles once, and no leftovers lie about."""
    data = [f"mail {number % 20}".encode() for number in range(count)]
    with vault.batch() as batch:
        for one in data:
            with batch.writing() as writer:
                writer.write(one)
                stored = writer.commit()
            assert stored.sha256 == digest_of(one.decode())
        assert list(vault.digests()) == []
        batch.commit()
        assert sorted(vault.digests()) == sorted({digest_of(one.decode()) for one in data})
        with batch.writing() as writer:
            writer.write(b"too late")
            writer.commit()

    assert all(vault.holds_intact(digest) for digest in vault.digests())
    assert digest_of("too late") not in set(vault.digests())
    assert list((vault.folder / INCOMING).iterdir()) == []


def test_a_batch_heals_a_damaged_blob(vault: FileVault) -> None:
    """What came again is looked at in a batch, too."""
    path = vault.path_of(vault.put(b"form").sha256)
    path.chmod(0o640)
    path.write_bytes(b"farm")

    with vault.batch() as batch:
        with batch.writing() as writer:
            writer.write(b"form")
            writer.commit()
        batch.commit()

    assert vault.read(path.name) == b"form"


def test_many_writers_of_the_same_bytes_do_not_disturb_each_other(vault: FileVault) -> None:
    """Several workers may store the same attachment at the same moment."""
    data = os.urandom(CHUNK_BYTES)
    errors: list[Exception] = []

    def write() -> None:
        try:
            for _ in range(5):
                vault.put(data)
        except Exception as error:  # a thread's failure must fail the test
            errors.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert vault.holds_intact(hashlib.sha256(data).hexdigest())
    assert list((vault.folder / INCOMING).iterdir()) == []


def test_bytes_are_synced_before_their_name_and_folders_after_it(tmp_path: Path) -> None:
    """The order of system calls is the promise: file, then rename, then every folder whose entries changed."""
    calls = _traced(tmp_path, "vault.put(b'form')")

    digest = digest_of("form")
    renamed = next(place for place, call in enumerate(calls) if call.startswith("rename") and digest in call)
    synced_before = [call for call in calls[:renamed] if call.startswith("fsync")]
    synced_after = [call for call in calls[renamed:] if call.startswith("fsync")]
    assert any(f"/{INCOMING}/" in call for call in synced_before)
    assert any(call.endswith(f"/{digest[:2]}/{digest[2:4]}") for call in synced_after)
    assert any(call.endswith(f"/{digest[:2]}") for call in calls if call.startswith("fsync"))


def test_a_batch_is_synced_before_its_names_and_after_them(tmp_path: Path) -> None:
    """A small batch syncs each file and folder; the order is that of a single blob."""
    program = """
with vault.batch() as batch:
    for word in (b"form", b"more"):
        with batch.writing() as writer:
            writer.write(word)
            writer.commit()
    batch.commit()
"""
    calls = _traced(tmp_path, program)

    renames = [place for place, call in enumerate(calls) if call.startswith("rename")]
    before, after = calls[: renames[0]], calls[renames[-1] :]
    assert sum(f"/{INCOMING}/" in call for call in before if call.startswith("fsync")) == 2
    for digest in (digest_of("form"), digest_of("more")):
        assert any(call.endswith(f"/{digest[:2]}/{digest[2:4]}") for call in after if call.startswith("fsync"))


def _traced(tmp_path: Path, statement: str) -> list[str]:
    """Run a statement with a fresh vault in a process of its own; return its syncs and renames, in order."""
    program = f"""
import os, sys
from pathlib import Path
from storage.vault import FileVault
fsync, rename = os.fsync, os.rename
def told_fsync(handle):
    print("fsync " + os.readlink(f"/proc/self/fd/{{handle}}"))
    fsync(handle)
def told_rename(old, new, *more, **named):
    print(f"rename {{old}} {{new}}")
    rename(old, new, *more, **named)
os.fsync, os.rename = told_fsync, told_rename
vault = FileVault(Path({str(tmp_path / "traced")!r}))
{statement}
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return ran.stdout.splitlines()


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        pytest.param(errno.ENOSPC, VaultFull, id="no space"),
        pytest.param(errno.EDQUOT, VaultFull, id="over quota"),
        pytest.param(errno.EIO, VaultError, id="a broken disk"),
    ],
)
@pytest.mark.parametrize("call", ["fsync", "rename", "fchmod"])
def test_a_disk_that_fails_at_any_step_costs_nothing(
    vault: FileVault, monkeypatch: pytest.MonkeyPatch, call: str, number: int, expected: type[VaultError]
) -> None:
    """Whichever call fails, the caller is told why, what is in the vault is whole, and the next try succeeds."""
    told: set[type[VaultError]] = set()
    for failing in range(1, 9):
        data = f"form {failing}".encode()
        with monkeypatch.context() as patched:
            calls = _failing(patched, call, failing, number)
            try:
                vault.put(data)
            except VaultError as error:
                told.add(type(error))
        assert all(vault.holds_intact(digest) for digest in vault.digests())
        assert vault.holds_intact(vault.put(data).sha256)
    assert calls[0] < 8, "every call was made to fail once"
    assert told == {expected}


def _failing(patched: pytest.MonkeyPatch, name: str, failing: int, number: int) -> list[int]:
    """Let the `failing`th call of an os function fail; returns the counter of its calls."""
    real = getattr(os, name)
    calls = [0]

    def told(*arguments: object, **named: object) -> object:
        calls[0] += 1
        if calls[0] == failing:
            raise OSError(number, os.strerror(number))
        return real(*arguments, **named)

    patched.setattr(os, name, told)
    return calls


def test_free_room_is_told_in_bytes(vault: FileVault) -> None:
    """The floor check asks for what an ordinary user may still write."""
    free = vault.free_bytes()

    assert free is not None
    assert free == pytest.approx(os.statvfs(vault.folder).f_bavail * os.statvfs(vault.folder).f_frsize, rel=0.2)


@pytest.mark.parametrize("url", ["", "file:", "ftp://x", "var/vault"])
def test_an_unknown_place_is_refused_with_an_example(url: str) -> None:
    """The operator reads what a vault URL looks like."""
    with pytest.raises(VaultError) as error:
        Vault.at(url)

    assert "file:" in error.value.remedy


def test_a_vault_is_opened_by_its_url(tmp_path: Path) -> None:
    """Both spellings of a file URL lead to the folder."""
    one = Vault.at(f"file:{tmp_path}/v a")
    other = Vault.at(f"file://{tmp_path}/v%20a")

    stored = one.put(b"form")

    assert other.read(stored.sha256) == b"form"


def test_a_place_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file where the folder should be is no crash."""
    (tmp_path / "vault").write_bytes(b"")

    with pytest.raises(VaultError, match="cannot be made"):
        FileVault(tmp_path / "vault")
