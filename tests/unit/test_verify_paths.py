"""The one entrance: every file gets an answer in its place, and a bad one never stops the others."""

from __future__ import annotations

import io
import os
import time
import zipfile
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from config.errors import WrongUse
from signatures import verify_many
from signatures.kinds import plain_report
from signatures.question import Document, Question
from signatures.report import FileReport, Verdict
from signatures.verify import as_document, inspect, inspect_paths
from tests.makers_cms import NOW, detached, header, office, signed_data, signer

CONTENT = b"the form"
QUESTION = Question(at=NOW, at_is_proof=True, integrity_only=True)


def ask(name: str, data: bytes) -> FileReport:
    return inspect(Document(name, data), QUESTION)


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, data in files.items():
            made.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return buffer.getvalue()


# --- kinds ----------------------------------------------------------------------------------------------------------

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.mark.parametrize(
    ("name", "data", "verdict", "code"),
    [
        ("note.txt", b"Kinh gui So", "unsigned", ""),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(50), "unsigned", ""),
        ("files.zip", archive(a_dot_txt=b"x"), "unsigned", ""),
        ("nothing.bin", b"", "unreadable", "FILE_EMPTY"),
        ("photo.jpg", b"MZ\x90", "unreadable", "NOT_WHAT_IT_CLAIMS"),
        ("form.docx", b"just text", "unreadable", "NOT_WHAT_IT_CLAIMS"),
        ("form.docx", archive(a_dot_txt=b"x"), "unreadable", "NOT_WHAT_IT_CLAIMS"),
        ("form.p7s", b"just text", "unreadable", "NOT_WHAT_IT_CLAIMS"),
        ("form.doc", OLE, "unsupported", "UNSUPPORTED_FORMAT"),
        ("form.docx", OLE + "EncryptedPackage".encode("utf-16-le"), "unsupported", "FILE_ENCRYPTED"),
        ("form.odt", archive(**{"META-INF__documentsignatures_dot_xml": b"<x/>"}), "unsupported", "UNSUPPORTED_FORMAT"),
        ("form.asice", archive(**{"META-INF__signature_dot_p7s": b"x"}), "unsupported", "UNSUPPORTED_FORMAT"),
        ("form.asc", b"-----BEGIN PGP SIGNATURE-----\n", "unsupported", "UNSUPPORTED_FORMAT"),
        ("letter.txt", b"-----BEGIN PGP SIGNED MESSAGE-----\nx", "unsupported", "UNSUPPORTED_FORMAT"),
    ],
)
def test_files_without_an_inspector_get_an_honest_answer(name: str, data: bytes, verdict: str, code: str) -> None:
    """Unsigned where nothing could bear a signature, unsupported where something could, unreadable for impostors."""
    report = ask(name, data)
    assert report.verdict.value == verdict
    assert [one.code for one in report.reasons] == ([code] if code else [])


def test_a_mail_is_told_by_its_header_not_by_its_name() -> None:
    """A mail saved under any name is judged as a mail."""
    assert ask("message", header() + b"\r\nhello\r\n").format == "smime"


def test_nesting_without_end_is_cut_off() -> None:
    """Messages within messages end in an answer."""
    data = b"x"
    for _ in range(20):
        data = signed_data(signer(office().lan, data), content=data, certificates=(office().lan.certificate,))
    report = ask("deep.p7m", data)
    depth = 0
    while report.contents:
        report, depth = report.contents[0], depth + 1
    assert depth < 20
    assert [one.code for one in report.reasons] == ["TOO_COSTLY"]


# --- several files --------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "form.txt").write_bytes(CONTENT)
    (tmp_path / "form.txt.p7s").write_bytes(detached(office().lan, CONTENT))
    (tmp_path / "alone.p7s").write_bytes(detached(office().lan, CONTENT))
    return tmp_path


def test_reports_come_in_the_order_of_the_paths(folder: Path) -> None:
    """Several processes, one order."""
    paths = [folder / "form.txt", folder / "form.txt.p7s", folder / "alone.p7s"] * 3
    reports = inspect_paths(paths, QUESTION, processes=2)
    assert [report.path for report in reports] == [str(path) for path in paths]
    assert [report.verdict.value for report in reports] == ["unsigned", "passed", "indeterminate"] * 3


def test_a_detached_signature_takes_its_sibling(folder: Path) -> None:
    """Without `--content`, the file named without `.p7s` is the content, and the report names it."""
    report = inspect_paths([folder / "form.txt.p7s"], QUESTION)[0]
    assert report.verdict is Verdict.PASSED
    assert ("SIGNS_ANOTHER_FILE", "form.txt") in [(one.code, one.detail) for one in report.signatures[0].reasons]


def test_a_detached_signature_takes_the_content_that_is_named(folder: Path) -> None:
    """`--content` goes before any sibling."""
    (folder / "other.txt").write_bytes(b"something else")
    wrong = inspect_paths([folder / "form.txt.p7s"], QUESTION, content=folder / "other.txt")[0]
    assert wrong.verdict is Verdict.FAILED
    right = inspect_paths([folder / "alone.p7s"], QUESTION, content=folder / "form.txt")[0]
    assert right.verdict is Verdict.PASSED


def test_a_detached_signature_without_content_says_so(folder: Path) -> None:
    """Neither named nor beside it: SIGNED_DATA_NOT_FOUND."""
    report = inspect_paths([folder / "alone.p7s"], QUESTION)[0]
    assert report.signatures[0].sub_indication == "SIGNED_DATA_NOT_FOUND"


def test_a_document_never_picks_up_a_signature_unasked(folder: Path) -> None:
    """The text beside a good `.p7s` stays unsigned."""
    assert inspect_paths([folder / "form.txt"], QUESTION)[0].verdict is Verdict.UNSIGNED


def test_a_path_that_is_no_file_is_wrong_use(tmp_path: Path) -> None:
    """The operator mistyped: nothing is judged."""
    with pytest.raises(WrongUse):
        inspect_paths([tmp_path / "missing.pdf"], QUESTION)


def run(paths: list[Path], judge, seconds: float = 30.0) -> tuple[FileReport, ...]:  # type: ignore[no-untyped-def]
    return verify_many.judge_in_processes(
        paths, judge, content=None, processes=2, keep_evidence=False, seconds_per_file=seconds
    )


def test_a_worker_that_dies_costs_only_its_file(tmp_path: Path) -> None:
    """The other files are judged as if nothing had happened."""
    paths = [tmp_path / name for name in ("a", "deadly", "b", "c")]
    for path in paths:
        path.write_bytes(b"x")

    def judge(document: Document) -> FileReport:
        if document.name.endswith("deadly"):
            os._exit(9)
        return plain_report(document, Verdict.UNSIGNED)

    reports = run(paths, judge)
    assert [report.verdict.value for report in reports] == ["unsigned", "indeterminate", "unsigned", "unsigned"]
    assert [one.code for one in reports[1].reasons] == ["EXAMINATION_DIED"]
    assert reports[1].size == 1


def test_among_many_files_only_the_deadly_are_lost(tmp_path: Path) -> None:
    """What a worker was given ahead goes to another when it dies or runs away, and every report stands in its place."""
    paths = [tmp_path / f"{number:02}{'-deadly' if number % 9 == 4 else ''}" for number in range(60)]
    for path in paths:
        path.write_bytes(b"x")

    def judge(document: Document) -> FileReport:
        if document.name.endswith("22-deadly"):
            time.sleep(60)
        if document.name.endswith("deadly"):
            os._exit(9)
        return plain_report(document, Verdict.UNSIGNED)

    reports = run(paths, judge, seconds=2.0)
    assert [report.path for report in reports] == [str(path) for path in paths]
    lost = [report.path[-9:] for report in reports if report.verdict is not Verdict.UNSIGNED]
    assert lost == [path.name for path in paths if path.name.endswith("deadly")]


def test_a_worker_that_runs_away_is_stopped(tmp_path: Path) -> None:
    """Beyond the time limit the file is too costly, and the others are judged."""
    paths = [tmp_path / name for name in ("a", "endless", "b")]
    for path in paths:
        path.write_bytes(b"x")

    def judge(document: Document) -> FileReport:
        while document.name.endswith("endless"):
            time.sleep(0.05)
        return plain_report(document, Verdict.UNSIGNED)

    reports = run(paths, judge, seconds=1.0)
    assert [report.verdict.value for report in reports] == ["unsigned", "indeterminate", "unsigned"]
    assert [one.code for one in reports[1].reasons] == ["TOO_COSTLY"]


def test_a_worker_that_devours_memory_is_stopped(tmp_path: Path) -> None:
    """Beyond the memory limit the file ends as a finding."""
    path = tmp_path / "bomb"
    path.write_bytes(b"x")

    def judge(document: Document) -> FileReport:
        hoard = bytearray(verify_many.BYTES_PER_WORKER * 2)
        return plain_report(document, Verdict.UNSIGNED, media_type=str(len(hoard)))

    report = run([path], judge)[0]
    assert report.verdict is Verdict.INDETERMINATE
    assert [one.code for one in report.reasons] == ["TOO_COSTLY"]


def test_evidence_stays_behind_unless_it_is_asked_for(folder: Path) -> None:
    """Lists of megabytes do not cross between processes for nothing."""
    message = folder / "message.p7m"
    content = b"From: x\r\n"
    message.write_bytes(
        signed_data(signer(office().lan, content), content=content, certificates=(office().lan.certificate,))
    )
    assert inspect_paths([message], QUESTION)[0].shown is None
    assert inspect_paths([message], QUESTION, keep_evidence=True)[0].shown == content


# --- the document ---------------------------------------------------------------------------------------------------


def test_the_json_document_has_the_contracts_shape(folder: Path) -> None:
    """Schema, tool, policy, moment in the asked zone, and whether trust was judged stand before the files."""
    zone = timezone(timedelta(hours=7))
    question = Question(at=NOW.astimezone(zone), integrity_only=True)
    document = as_document(inspect_paths([folder / "form.txt.p7s"], question), question)
    assert list(document) == ["schema", "tool", "policy", "at", "trust_judged", "files"]
    assert document["schema"] == "intake-verify/1"
    assert document["at"] == "2019-09-10T10:00:00+07:00"
    assert document["trust_judged"] is False
    signature = document["files"][0]["signatures"][0]
    assert signature["trusted"] is None
    assert signature["revocation"] == "not_checked"
    assert signature["covers"] == "whole"
    assert signature["claimed_at"] == "2019-09-10T10:00:00+07:00"
    assert document["tool"].startswith("phieu-intake")


def test_a_large_parent_leaves_its_workers_room(tmp_path: Path) -> None:
    """The limit is what a worker may add to the address space that it inherits, not what it may have."""
    import mmap

    from signatures.verify_many import BYTES_PER_WORKER

    file = tmp_path / "a.txt"
    file.write_bytes(b"text " * (8 << 20))
    question = Question(at=NOW)
    with mmap.mmap(-1, BYTES_PER_WORKER + (64 << 20)):
        reports = inspect_paths([file], question)

    assert [one.verdict for one in reports] == [Verdict.UNSIGNED]
    assert [reason.code for one in reports for reason in one.reasons] == []
