"""Mails, winmail.dat files and packages that nobody of us wrote, against what their own projects make of them."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from intake.steps.unpack import unpack
from intake.steps.unpacked import Leaf, Unpacked

pytestmark = pytest.mark.corpus

# Where our list differs from Stalwart's on purpose, by folder/number: the reason.
DIFFERS = {
    "legacy/017": "uuencode announced as transfer encoding is decoded here",
    "legacy/026": "uuencode announced as transfer encoding is decoded here",
    "legacy/048": "uuencode announced as transfer encoding is decoded here",
    "legacy/049": "files that stand in running text by uuencode are parts here",
    "rfc/000": "text that only claims to be base64; a second unnamed text",
    "rfc/003": "text/enriched is an alternative of the running text by the contract",
    "thirdparty/002": "text that only claims to be base64; a second unnamed text",
}
# Text parts are handed out by Stalwart as converted Unicode, so only binary content can be compared by its digest.
TEXT_KINDS = ("Text", "Html")


def _corpus(place: str) -> Path:
    folder = os.environ.get("CORPUS_DIR")
    if not folder:
        pytest.skip("CORPUS_DIR is not set: files that nobody of us wrote are not on this machine")
    return Path(folder) / place


def _name(part: dict[str, Any]) -> str | None:
    """Return the last piece of the name that Stalwart read (it keeps paths), None if there is none."""
    found: dict[str, str] = {}
    for field in part["headers"]:
        if field["name"] in ("content_disposition", "content_type") and isinstance(field["value"], dict):
            wanted = "filename" if field["name"] == "content_disposition" else "name"
            for one in field["value"].get("ContentType", {}).get("attributes") or []:
                if one["name"] == wanted:
                    found.setdefault(wanted, one["value"])
    name = found.get("filename") or found.get("name")
    return None if name is None else name.rpartition("/")[2]


def _attachments(message: dict[str, Any]) -> list[tuple[str, str | None, bytes]]:
    """Return (kind, name, content) of every attachment, those of attached messages instead of the messages."""
    found: list[tuple[str, str | None, bytes]] = []
    for number in message["attachments"]:
        part = message["parts"][number]
        kind, content = next(iter(part["body"].items()))
        if kind == "Message":
            found += _attachments(content)
        elif kind in TEXT_KINDS:
            found.append((kind, _name(part), content.encode()))
        else:
            found.append((kind, _name(part), bytes(content)))
    return found


def _is_surplus_text(leaf: Leaf) -> bool:
    """Tell an unnamed text that Stalwart counts as body: by the contract only the first of a message is."""
    return leaf.name is None and leaf.declared_type in ("", "text/plain", "text/html")


def test_well_formed_mails_have_the_attachments_that_stalwart_finds() -> None:
    """Count, names and, of binary content, digests; with LF and with CRLF."""
    folder = _corpus("mail/stalwart/resources/eml")
    compared = attachments = digests = 0
    wrong: list[str] = []
    for answer in sorted(folder.rglob("*.json")):
        number = f"{answer.parent.name}/{answer.name.split('.')[0]}"
        if answer.parent.name == "malformed" or number in DIFFERS:
            continue
        data = answer.with_name(answer.name.split(".")[0] + ".eml").read_bytes().replace(b"\r\n", b"\n")
        if ".crlf." in answer.name:
            data = data.replace(b"\n", b"\r\n")
        expected = _attachments(json.loads(answer.read_text("utf-8")))
        ours = unpack(data, "x.eml").parts
        have = Counter(leaf.sha256 for leaf in ours)
        compared += 1
        attachments += len(expected)
        for kind, name, content in expected:
            if kind not in TEXT_KINDS:
                digests += 1
                if not have[hashlib.sha256(content).hexdigest()]:
                    wrong.append(f"{answer.name}: {name}: other bytes")
            elif name is not None and "\ufffd" not in name and name not in {leaf.name for leaf in ours}:
                wrong.append(f"{answer.name}: {name}: not listed")
        named = (sum(leaf.name is not None for leaf in ours), sum(name is not None for _, name, _ in expected))
        unnamed = len(ours) - named[0], len(expected) - named[1]
        surplus = sum(1 for leaf in ours if _is_surplus_text(leaf))
        if named[0] != named[1] or not unnamed[0] - surplus <= unnamed[1] <= unnamed[0]:
            wrong.append(f"{answer.name}: {len(ours)} parts, {len(expected)} attachments")
    print(f"stalwart: {compared} mails, {attachments} attachments, {digests} compared by digest, {len(wrong)} wrong")

    assert wrong == []
    assert compared > 150


def test_no_malformed_mail_of_stalwart_breaks_anything() -> None:
    """Each ends as a mail with a list of parts, however short."""
    for file in sorted(_corpus("mail/stalwart/resources/eml/malformed").glob("*.eml")):
        assert "UNPACK_FAILED" not in {one.code for one in unpack(file.read_bytes(), file.name).problems}


def _content(leaf: Leaf) -> set[str]:
    """Return the digests under which a file may be stored beside the test: as it is, or with LF for CRLF."""
    return {leaf.sha256, hashlib.sha256(leaf.data.replace(b"\r\n", b"\n")).hexdigest()}


def test_winmail_files_give_the_files_that_were_unpacked_beside_them() -> None:
    """By digest; the bodies are running text, and messages inside are opened instead of listed."""
    folder = _corpus("mail/mimekit/UnitTests/TestData/tnef")
    files = 0
    missing: list[str] = []
    for stream in sorted(folder.glob("*.tnef")):
        beside = stream.with_suffix("")
        if not beside.is_dir():
            continue
        have = set().union(*(_content(leaf) for leaf in unpack(stream.read_bytes(), stream.name).parts), set())
        for file in sorted(beside.iterdir()):
            data = file.read_bytes()
            if file.name in ("message.html", "message.txt") or data[:4] == b"\x78\x9f\x3e\x22":
                continue
            files += 1
            if hashlib.sha256(data).hexdigest() not in have:
                missing.append(f"{stream.name}: {file.name}")
    print(f"winmail.dat: {files} files compared by digest, {len(missing)} missing")

    assert missing == []
    assert files > 30


def test_winmail_files_give_the_names_that_are_listed_beside_them() -> None:
    """But for HTML bodies and for messages inside, which are opened."""
    for listing in sorted(_corpus("mail/mimekit/UnitTests/TestData/tnef").glob("*.list")):
        stream = listing.with_suffix(".tnef")
        names = Counter(line for line in listing.read_text("utf-8").splitlines() if line and line != "body.html")
        ours = Counter(leaf.trail[-1] for leaf in unpack(stream.read_bytes(), stream.name).parts)
        if stream.stem == "christmas":
            names["Untitled Attachment"] -= 2

        assert names - ours == Counter(), stream.name


def _mails(place: str) -> list[tuple[str, Unpacked]]:
    found = []
    for file in sorted(_corpus(place).rglob("*")):
        if file.is_file() and file.suffix not in (".json", ".list") and "LICENSE" not in file.name:
            for name, ending in (("LF", b"\n"), ("CRLF", b"\r\n"), ("CR", b"\r")):
                data = file.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", ending)
                found.append((f"{file.name} {name}", unpack(data, file.name)))
    return found


@pytest.mark.parametrize("place", ["mail/sisimai/maildir", "mail/enmime/dsn/testdata"])
def test_every_bounce_and_report_is_recognised_in_every_line_end(place: str) -> None:
    """None may ever be acknowledged or filed as a submission."""
    seen = Counter(found.mail.automatic if found.mail else f"no mail: {name}" for name, found in _mails(place))
    print(f"{place}: {dict(seen)}")

    assert set(seen) <= {"bounce", "report"}
    assert seen


def test_ordinary_mails_of_the_corpora_are_not_automatic() -> None:
    """A false alarm would leave an agency without its receipt. The one exception comes through a mailing list."""
    seen = Counter(found.mail.automatic for _, found in _mails("mail/stalwart") if found.mail is not None)

    assert set(seen) <= {"no", "list"}
    assert seen["list"] == 3


def test_the_packages_of_the_national_exchange_are_read() -> None:
    """Three documents, one of them not well-formed, and ten answers with their codes."""
    found = {file.name: unpack(file.read_bytes(), file.name) for file in _corpus("edxml").glob("*.edxml")}
    codes = {
        name: one.edxml.status_code
        for name, one in found.items()
        if one.edxml is not None and one.kind == "edxml-status"
    }
    documents = {name: one for name, one in found.items() if one.kind == "edxml"}

    assert sorted(code for code in codes.values() if code) == [
        "01",
        "01",
        "02",
        "03",
        "04",
        "05",
        "06",
        "13",
        "15",
        "16",
    ]
    assert {name: len(one.parts) for name, one in documents.items()} == {
        "edoc.edxml": 1,
        "edoc_new.edxml": 1,
        "edoc_update.edxml": 1,
    }
    assert {one.code for one in documents["edoc.edxml"].problems} >= {"XML_NOT_WELL_FORMED"}
    update = documents["edoc_update.edxml"].edxml
    assert update is not None
    assert (update.operation, update.replaced_document_ids) == ("update", ("000.00.00.G22,2014/02/30,7806/VPCP-TTĐT",))
