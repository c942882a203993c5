"""Signature files and signed mails changed mechanically: what passes says what was signed, by whom, and no more."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import pytest

from signatures import asn1
from signatures.question import Document, Question
from signatures.report import FileReport, Verdict
from signatures.verify import inspect
from tests.assets.make_cms import CMS_CASES, CONTENT, MAIL_CASES, OTHER
from tests.makers_cms import NOW, Holder, base64_lines, clear_signed, detached, header, office, signed_data, signer

QUESTION = Question(at=NOW, integrity_only=True)
SEED = 20190915
FLIPS = 400
OCTETS = (asn1.OCTET_STRING, asn1.BIT_STRING)


@dataclass
class Node:
    """One ASN.1 element taken apart, to be put together otherwise."""

    tag: int
    content: bytes
    parts: list[Node]

    def der(self) -> bytes:
        return asn1.tlv(self.tag, b"".join(one.der() for one in self.parts) if self.parts else self.content)


def tree(element: asn1.Element) -> Node:
    parts = [tree(one) for one in element.children()] if element.constructed else []
    return Node(element.tag, element.content, parts)


def walk(node: Node) -> Iterator[Node]:
    yield node
    for part in node.parts:
        yield from walk(part)


def bound(holder: Holder, content: bytes = CONTENT) -> bytes:
    """A message with content inside, by a signer who bound the certificate, with another certificate beside it."""
    papers = (holder.certificate, office().authority.certificate)
    return signed_data(signer(holder, content), content=content, certificates=papers)


@cache
def messages() -> dict[str, bytes]:
    """Good messages by one and by two signers, with and without attributes."""
    lan, minh = office().lan, office().minh
    both = signed_data(
        *(signer(one, CONTENT) for one in (lan, minh)),
        content=CONTENT,
        certificates=(lan.certificate, minh.certificate),
    )
    return {
        "one signer": bound(lan),
        "two signers": both,
        "stamped": next(one.make() for one in CMS_CASES if one.name == "stamped.p7s"),
    }


def judged(data: bytes, name: str, content: bytes | None = None) -> FileReport:
    report = inspect(Document(name, data, content, "" if content is None else "phieu"), QUESTION)
    assert "EXAMINATION_FAILED" not in {one.code for one in report.reasons}, data
    return report


def signers_of(report: FileReport) -> set[tuple[bytes, datetime | None]]:
    """Who signed, and when they say they did."""
    return {(one.signer.certificate, one.claimed_at) for one in report.signatures if one.signer is not None}


def rearranged(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Each element of the message gone, doubled, emptied, exchanged with its neighbour, or under another tag."""
    count = sum(1 for _ in walk(tree(asn1.only(data))))
    for index in range(count):
        for label in ("gone", "doubled", "emptied", "swapped", "retagged"):
            root = tree(asn1.only(data))
            nodes = list(walk(root))
            node = nodes[index]
            above = next((one for one in nodes if any(part is node for part in one.parts)), None)
            if above is None:
                continue
            place = next(number for number, part in enumerate(above.parts) if part is node)
            if label == "gone":
                del above.parts[place]
            elif label == "doubled":
                above.parts.insert(place, node)
            elif label == "emptied":
                node.parts, node.content = [], b""
            elif label == "swapped" and place + 1 < len(above.parts):
                above.parts[place], above.parts[place + 1] = above.parts[place + 1], above.parts[place]
            elif label == "retagged":
                node.tag ^= 0x01
            yield f"{label} {index} (tag {node.tag:#04x})", root.der()


def flipped(data: bytes) -> Iterator[tuple[str, bytes]]:
    """One bit anywhere in the message."""
    chance = random.Random(SEED)
    for _ in range(FLIPS):
        place, bit = chance.randrange(len(data)), 1 << chance.randrange(8)
        yield f"bit {bit} of {place}", data[:place] + bytes((data[place] ^ bit,)) + data[place + 1 :]


def mingled(data: bytes) -> Iterator[tuple[str, bytes]]:
    """An element of the message replaced by the same-placed element of another signer's message over other content."""
    other = list(walk(tree(asn1.only(bound(office().minh, OTHER)))))
    for index in range(sum(1 for _ in walk(tree(asn1.only(data))))):
        root = tree(asn1.only(data))
        node = list(walk(root))[index]
        if index and index < len(other) and other[index].tag == node.tag and other[index].der() != node.der():
            node.parts, node.content = other[index].parts, other[index].content
            if root.der() == other[0].der():
                # The whole of another message is that message, not a mixture.
                continue
            yield f"{index} (tag {node.tag:#04x}) of another message", root.der()


@pytest.mark.parametrize("mutate", [rearranged, flipped, mingled], ids=lambda one: one.__name__)
@pytest.mark.parametrize("kind", sorted(messages()))
def test_a_mechanically_changed_message_says_what_was_signed_or_does_not_pass(
    kind: str, mutate: Callable[[bytes], Iterator[tuple[str, bytes]]], tell: Callable[[str], None]
) -> None:
    """Unsigned papers may come and go; content, signer and claimed time may not change in a passed message."""
    original = messages()[kind]
    content = CONTENT if kind == "stamped" else None
    right = judged(original, "phieu.p7s", content)
    assert right.verdict is Verdict.PASSED
    count = passed = 0
    wrong = []
    for label, data in mutate(original):
        report = judged(data, "phieu.p7s", content)
        count += 1
        if report.verdict is Verdict.PASSED:
            passed += 1
            # A second signer's part may be taken away as a whole: what the first one signed holds all the same.
            found = signers_of(report)
            if report.shown != right.shown or not found or not found <= signers_of(right):
                wrong.append(label)
    tell(f"mutations: CMS, {kind}, {mutate.__name__}: {count} messages, {passed} passed, {len(wrong)} saying otherwise")
    assert wrong == []


# --- mails ----------------------------------------------------------------------------------------------------------

FORGED = b"Content-Type: text/html\r\n\r\n<p>Da dong y</p>\r\n"
LAWFUL_MAILS = (
    "good-clear.eml",
    "good-opaque.eml",
    "nested.eml",
    "protected-header.eml",
    "quoted-printable-flowed.eml",
)


def mail(name: str) -> bytes:
    return next(one.make() for one in MAIL_CASES if one.name == name)


def lines_changed(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Each line gone, doubled, exchanged with the next, or with one letter changed."""
    chance = random.Random(SEED)
    lines = data.splitlines(keepends=True)
    for index, line in enumerate(lines):
        before, after = lines[:index], lines[index + 1 :]
        yield f"line {index} gone", b"".join((*before, *after))
        yield f"line {index} doubled", b"".join((*before, line, line, *after))
        if after:
            yield f"line {index} after the next", b"".join((*before, after[0], line, *after[1:]))
        bare = line.rstrip(b"\r\n")
        if bare:
            place = chance.randrange(len(bare))
            changed = bytes((bare[place] ^ 1,))
            yield (
                f"line {index} letter {place}",
                b"".join((*before, line[:place] + changed + line[place + 1 :], *after)),
            )


def parts_put_in(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Another part, or mere text, at every line of the mail, behind every delimiter it knows."""
    lines = data.splitlines(keepends=True)
    marks = sorted({line.strip().rstrip(b"-") for line in lines if line.startswith(b"--")})
    for index in range(len(lines)):
        before, after = b"".join(lines[:index]), b"".join(lines[index:])
        yield f"text at line {index}", before + b"Da dong y.\r\n" + after
        for mark in marks:
            yield f"part at line {index}", before + mark + b"\r\n" + FORGED + after


def headers_put_in(data: bytes) -> Iterator[tuple[str, bytes]]:
    """A further header line at every place of the outer header."""
    length = data.index(b"\r\n\r\n")
    starts = [0, *(place + 2 for place in range(length) if data[place : place + 2] == b"\r\n")]
    for start in starts:
        if data[start : start + 1] in (b" ", b"\t"):
            continue
        for line in (
            b"From: giamdoc@example.vn",
            b"Sender: giamdoc@example.vn",
            b"Content-Type: text/html",
            b'Content-Type: multipart/mixed; boundary="=_khac"',
            b"Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit",
        ):
            yield f"{line!r} at {start}", data[:start] + line + b"\r\n" + data[start:]


@pytest.mark.parametrize("mutate", [lines_changed, parts_put_in, headers_put_in], ids=lambda one: one.__name__)
@pytest.mark.parametrize("name", LAWFUL_MAILS)
def test_a_mechanically_changed_mail_shows_what_was_signed_or_does_not_pass(
    name: str, mutate: Callable[[bytes], Iterator[tuple[str, bytes]]], tell: Callable[[str], None]
) -> None:
    """A passed mail shows the very part that was signed; what would show more, or another sender, never passes."""
    original = mail(name)
    right = judged(original, name)
    assert right.verdict is Verdict.PASSED
    wrong, count, passed = [], 0, 0
    for label, data in mutate(original):
        report = judged(data, name)
        count += 1
        if report.verdict is not Verdict.PASSED:
            continue
        passed += 1
        if (report.shown or b"").replace(b"\r\n", b"\n") != (right.shown or b"").replace(b"\r\n", b"\n") or (
            mutate is headers_put_in
        ):
            wrong.append(label)
    tell(f"mutations: mail, {name}, {mutate.__name__}: {count} mails, {passed} passed, {len(wrong)} showing otherwise")
    assert wrong == []


def test_a_signature_of_another_mail_serves_no_second_one() -> None:
    """Signature and part of two mails of one person do not fit together."""
    lan = office().lan
    first, second = (b"Content-Type: text/plain\r\n\r\n" + word + b"\r\n" for word in (b"dong y", b"khong dong y"))
    mixed_up = header() + clear_signed(first, detached(lan, second))
    assert judged(mixed_up, "thu.eml").verdict is Verdict.FAILED
    assert base64_lines(detached(lan, second)) in mixed_up
