"""A copy is taken while the service works, proves itself, and is put back only where nothing is."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.audit import audit
from storage.backups import BackupError, backup, restore
from storage.ledger import Ledger
from storage.queries import Queries
from storage.vault import FileVault, Vault
from tests.edge.test_audit_findings import a_lived_in_ledger
from tests.makers import OFFICE
from tests.makers_storage import an_arrival, an_outcome, decide, digest_of, one_letter
from tests.servers.postgres import Postgres


@pytest.fixture
def configuration(tmp_path: Path) -> list[Path]:
    """A campaign file and a certificate, in two folders."""
    folder = tmp_path / "etc"
    (folder / "trust").mkdir(parents=True)
    (folder / "campaign.toml").write_text("id = '2019'", encoding="utf-8")
    (folder / "trust" / "root.pem").write_text("…", encoding="utf-8")
    return [folder / "campaign.toml", folder / "trust" / "root.pem"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that has no tables yet: where a copy is put back."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'restored' / 'intake.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.make_database()
    yield server.url(name)
    server.drop_database(name)


def put_back(folder: Path, url: str, tmp_path: Path) -> tuple[Ledger, Vault]:
    """Restore into a new place and return it, after its audit held."""
    ledger = Ledger.open(url, message_id_domain="stttt.example")
    vault = FileVault(tmp_path / "restored" / "vault")
    report = restore(folder, ledger.database, vault, tmp_path / "restored" / "etc")
    assert report.findings == ()
    return ledger, vault


def test_a_copy_put_back_is_the_same_office(
    ledger: Ledger, vault: Vault, configuration: list[Path], empty_url: str, tmp_path: Path
) -> None:
    """From either database into either: every delivery, letter, file, answer and log entry, and work goes on."""
    a_lived_in_ledger(ledger, vault)
    told = backup(ledger.database, vault, configuration, tmp_path / "copy")

    restored, restored_vault = put_back(tmp_path / "copy", empty_url, tmp_path)

    before, after = (Queries(one.database, OFFICE) for one in (ledger, restored))
    assert after.entries() == before.entries()
    assert (told.head_seq, told.head_hash) == restored.log_head()
    assert after.log() == before.log()
    assert [after.show(one.id) for one in after.deliveries()] == [before.show(one.id) for one in before.deliveries()]
    assert after.scoring_answers("2019") == before.scoring_answers("2019")
    assert after.accounts() == before.accounts()
    assert restored.outages() == ledger.outages()
    assert sorted(restored_vault.digests()) == sorted(vault.digests())
    assert (tmp_path / "restored/etc/trust/root.pem").read_text(encoding="utf-8") == "…"
    _goes_on(ledger, restored)
    restored.close()


def _goes_on(ledger: Ledger, restored: Ledger) -> None:
    """The next delivery gets the same ids, number and Message-ID on either: counters and secret came along."""
    results = []
    for one in (ledger, restored):
        delivery = one.receive(an_arrival(9), same_bytes_is_same=True)
        delivery = decide(one, delivery.id, an_outcome(agency="phuquy"), write_letters=one_letter)
        one.source_failed("mailbox", delivery.seen_at, "gone", "start it")
        results.append((delivery, one.letters.letters_of(delivery.id), one.log_head(), one.outages()))
    assert results[0] == results[1]


def test_blobs_can_be_proven_without_this_program(ledger: Ledger, vault: Vault, tmp_path: Path) -> None:
    """`sha256sum -c` of any Linux machine says the same as our audit."""
    a_lived_in_ledger(ledger, vault)
    backup(ledger.database, vault, [], tmp_path / "copy")

    ran = subprocess.run(
        ["sha256sum", "--check", "--strict", "vault.sha256"],
        cwd=tmp_path / "copy",
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout.count(": OK") == 5


def test_a_copy_taken_during_work_is_whole(ledger: Ledger, vault: Vault, tmp_path: Path) -> None:
    """The service is not stopped: what the copy holds is one moment, every blob of it there."""
    a_lived_in_ledger(ledger, vault)
    stop = threading.Event()
    errors: list[Exception] = []

    def work() -> None:
        number = 100
        try:
            while not stop.is_set():
                number += 1
                stored = vault.put(f"mail {number}".encode())
                ledger.receive(an_arrival(number, sha256=stored.sha256), same_bytes_is_same=True)
        except Exception as error:  # a thread's failure must fail the test
            errors.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        backup(ledger.database, vault, [], tmp_path / "copy")
    finally:
        stop.set()
        worker.join()

    restored, _ = put_back(tmp_path / "copy", f"sqlite:///{tmp_path / 'restored.db'}", tmp_path)
    restored.close()
    assert errors == []
    assert audit(ledger.database, vault).holds


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        pytest.param(lambda copy: (copy / "manifest.json").unlink(), "no finished backup", id="unfinished"),
        pytest.param(lambda copy: (copy / "manifest.json").write_text("{}"), "not understood", id="no manifest"),
        pytest.param(lambda copy: (copy / "intake.db").write_bytes(b"x"), "was changed", id="another database"),
        pytest.param(lambda copy: (copy / "config/campaign.toml").unlink(), "missing", id="a lost file"),
        pytest.param(lambda copy: (copy / "vault.sha256").write_bytes(b""), "was changed", id="a shorter list"),
        pytest.param(lambda copy: _change_blob(copy), "no longer matches", id="another blob"),
    ],
)
def test_a_changed_copy_is_refused(
    ledger: Ledger,
    vault: Vault,
    configuration: list[Path],
    tmp_path: Path,
    harm: Callable[[Path], object],
    words: str,
) -> None:
    """A backup that does not prove true restores nothing in silence."""
    a_lived_in_ledger(ledger, vault)
    backup(ledger.database, vault, [configuration[0]], tmp_path / "copy")
    harm(tmp_path / "copy")

    restored = Ledger.open(f"sqlite:///{tmp_path / 'restored.db'}")
    with pytest.raises(BackupError, match=words):
        restore(tmp_path / "copy", restored.database, FileVault(tmp_path / "v"), tmp_path / "etc2")
    assert not restored.database.is_upgraded()
    restored.close()


def _change_blob(copy: Path) -> None:
    place = copy / "vault" / digest_of("form")[:2] / digest_of("form")[2:4] / digest_of("form")
    place.chmod(0o640)
    place.write_bytes(b"farm")


def test_nothing_is_written_over(ledger: Ledger, vault: Vault, tmp_path: Path) -> None:
    """Neither a backup over a backup, nor a restore over an office that has entries or bytes."""
    a_lived_in_ledger(ledger, vault)
    backup(ledger.database, vault, [], tmp_path / "copy")

    with pytest.raises(BackupError, match="not empty"):
        backup(ledger.database, vault, [], tmp_path / "copy")
    with pytest.raises(BackupError, match="log entries already"):
        restore(tmp_path / "copy", ledger.database, FileVault(tmp_path / "v"), tmp_path / "etc2")
    fresh = Ledger.open(f"sqlite:///{tmp_path / 'fresh.db'}")
    with pytest.raises(BackupError, match="vault is not empty"):
        restore(tmp_path / "copy", fresh.database, vault, tmp_path / "etc2")
    fresh.close()


def test_an_own_configuration_stays(ledger: Ledger, vault: Vault, configuration: list[Path], tmp_path: Path) -> None:
    """A file that is there with other contents is kept; the copy's comes beside it."""
    backup(ledger.database, vault, configuration, tmp_path / "copy")
    there = tmp_path / "restored" / "etc" / "campaign.toml"
    there.parent.mkdir(parents=True)
    there.write_text("id = '2020'", encoding="utf-8")

    restored, _ = put_back(tmp_path / "copy", f"sqlite:///{tmp_path / 'restored.db'}", tmp_path)
    restored.close()

    assert there.read_text(encoding="utf-8") == "id = '2020'"
    assert there.with_name("campaign.toml.from-backup").read_text(encoding="utf-8") == "id = '2019'"


def test_a_damaged_blob_is_told_and_not_copied(ledger: Ledger, vault: FileVault, tmp_path: Path) -> None:
    """The rest is saved; the report and the manifest name what could not be."""
    a_lived_in_ledger(ledger, vault)
    path = vault.path_of(digest_of("form"))
    path.chmod(0o640)
    path.write_bytes(b"farm")

    report = backup(ledger.database, vault, [], tmp_path / "copy")

    assert report.damaged == (digest_of("form"),)
    assert report.blobs == 4
    assert json.loads((tmp_path / "copy/manifest.json").read_bytes())["damaged"] == [digest_of("form")]


def test_a_copy_that_was_moved_is_still_a_copy(ledger: Ledger, vault: Vault, tmp_path: Path) -> None:
    """It holds no absolute path."""
    a_lived_in_ledger(ledger, vault)
    backup(ledger.database, vault, [], tmp_path / "copy")
    shutil.move(tmp_path / "copy", tmp_path / "elsewhere")

    restored, _ = put_back(tmp_path / "elsewhere", f"sqlite:///{tmp_path / 'restored.db'}", tmp_path)
    restored.close()
