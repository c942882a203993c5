"""Packages of the national document exchange in every shape that writers give them, and the answers we write."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from intake.steps import allowance
from intake.steps.edxml import looks_like_edxml
from intake.steps.edxml_status import MEANINGS, StatusSender, write_status_package
from intake.steps.unpack import unpack
from intake.steps.unpacked import DocumentReference, EdxmlFacts, Unpacked
from storage.records import Why
from tests.makers_mail import PDF, a_package, a_zip


def codes(unpacked: Unpacked) -> set[str]:
    return {one.code for one in unpacked.problems}


def facts(unpacked: Unpacked) -> EdxmlFacts:
    assert unpacked.edxml is not None
    return unpacked.edxml


DOCX = a_zip({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w/>"})


@pytest.mark.parametrize(
    "package",
    [
        pytest.param(a_package(), id="wrapped in a ZIP of one entry"),
        pytest.param(a_package(wrapped=False), id="the raw file"),
        pytest.param(a_package(content_type="application/pdf"), id="the type says PDF, the content is a ZIP"),
        pytest.param(a_package(prefix=""), id="default namespace"),
        pytest.param(a_package(namespace="http://www.e-doc.vn/Schema/"), id="the namespace of 2015"),
        pytest.param(a_package(namespace="http://schemas.xmlsoap.org/soap/envelope/"), id="a province's mistake"),
        pytest.param(b"1212" + a_package(), id="stray bytes before the declaration"),
        pytest.param(b"\xef\xbb\xbf" + a_package(), id="a byte order mark"),
        pytest.param(a_package(reference_ids=["0"]), id="cid: in one of the two places"),
        pytest.param(a_package(reference_ids=["other"]), id="paired by name"),
    ],
)
def test_every_shape_gives_the_same_file_under_its_attachment_name(package: bytes) -> None:
    """Contract section 4: edXML parts are named by AttachmentName."""
    unpacked = unpack(package, "p.edxml")

    assert unpacked.kind == "edxml"
    assert [(leaf.trail, leaf.data) for leaf in unpacked.parts] == [(("phieu.signed.pdf",), PDF)]
    assert codes(unpacked) <= {"EDXML_STRAY_BYTES"}


def test_the_header_is_read_into_facts() -> None:
    """Who sends what to whom, under which number, when by its own clock."""
    found = facts(unpack(a_package(), "p.edxml"))

    assert (found.from_organ_id, found.from_name, found.to_organ_ids) == (
        "000.00.12.H11",
        "Sở Nội vụ",
        ("000.00.05.H11",),
    )
    assert (found.code, found.promulgation_date, found.operation) == ("123/SNV-VP", date(2019, 9, 10), "new")
    assert found.trace[0].at == datetime(2019, 9, 12, 8, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "operation"),
    [("0", "new"), ("1", "revoke"), ("2", "update"), ("3", "replace"), ("03", "replace"), (None, "new"), ("", "new")],
)
def test_the_four_operations_are_told_apart(written: str | None, operation: str) -> None:
    """Absent counts as new, as real packages have it."""
    assert facts(unpack(a_package(operation=written), "p.edxml")).operation == operation


def test_an_unknown_operation_is_reported_and_read_as_new() -> None:
    """A person asks the sender."""
    unpacked = unpack(a_package(operation="7"), "p.edxml")

    assert facts(unpacked).operation == "new"
    assert "EDXML_OPERATION_UNKNOWN" in codes(unpacked)


@pytest.mark.parametrize("wrapped", [True, False])
def test_an_office_file_is_unwrapped_once_and_never_opened(wrapped: bool) -> None:
    """A DOCX is a ZIP too: `starts with PK` is not enough."""
    unpacked = unpack(a_package((("phieu.docx", DOCX),), wrapped=wrapped), "p.edxml")

    assert [leaf.data for leaf in unpacked.parts] == [DOCX]


def test_a_real_zip_with_several_entries_is_opened_as_an_archive() -> None:
    """It is no wrapper, so its name stays in the trail."""
    archive = a_zip({"a.pdf": PDF, "b.pdf": PDF})
    unpacked = unpack(a_package((("ho so.zip", archive),), wrapped=False), "p.edxml")

    assert [leaf.trail for leaf in unpacked.parts] == [("ho so.zip", "a.pdf"), ("ho so.zip", "b.pdf")]


def test_a_zip_that_is_called_one_keeps_its_one_file_in_the_trail() -> None:
    """Its single entry is what the sender packed, not the SDK's wrapper."""
    unpacked = unpack(a_package((("ho so.zip", a_zip({"phieu.pdf": PDF})),), wrapped=False), "p.edxml")

    assert [leaf.trail for leaf in unpacked.parts] == [("ho so.zip", "phieu.pdf")]


def test_a_reference_without_its_file_is_an_incomplete_package() -> None:
    """Hold it for the clerk."""
    package = a_package().replace(
        b"</edXML:edXMLManifest>",
        b"<edXML:Reference><edXML:ContentId>cid:9</edXML:ContentId><edXML:AttachmentName>mat.pdf</edXML:AttachmentName>"
        b"</edXML:Reference></edXML:edXMLManifest>",
    )

    assert "EDXML_INCOMPLETE" in codes(unpack(package, "p.edxml"))


def listing(*references: tuple[str | None, str | None]) -> bytes:
    """A list of references, each with a content id and a name, or without."""
    written = (
        "<Reference>"
        + (f"<ContentId>{identity}</ContentId>" if identity is not None else "")
        + (f"<AttachmentName>{name}</AttachmentName>" if name is not None else "")
        + "</Reference>"
        for identity, name in references
    )
    return "".join(written).encode()


def enclosed(*attachments: tuple[str | None, str | None]) -> bytes:
    """The attachments that these ids and names describe, each with its own bytes."""
    written = (
        "<Attachment>"
        + (f"<ContentId>{identity}</ContentId>" if identity is not None else "")
        + (f"<AttachmentName>{name}</AttachmentName>" if name is not None else "")
        + f"<ContentTransferEncoded>{b64encode(PDF + b'%d' % number).decode()}</ContentTransferEncoded></Attachment>"
        for number, (identity, name) in enumerate(attachments)
    )
    return "".join(written).encode()


def paired(references: bytes, attachments: bytes) -> Unpacked:
    """A package of these references and attachments."""
    package = a_package((), prefix="")
    package = package.replace(b'<edXMLManifest version="1.0">', b'<edXMLManifest version="1.0">' + references)
    return unpack(package.replace(b"<AttachmentEncoded>", b"<AttachmentEncoded>" + attachments), "p.edxml")


@pytest.mark.parametrize(
    ("references", "attachments", "names"),
    [
        pytest.param(
            [("1", "a"), ("2", "b")], [("cid:2", None), ("&lt;1&gt;", None)], ["b", "a"], id="by id, in another order"
        ),
        pytest.param([("1", "a"), ("1", "b")], [("1", "b"), ("1", None)], ["b", "a"], id="one id twice"),
        pytest.param(
            [(None, "a"), (None, "b")], [(None, None), (None, "a")], ["b", "a"], id="names, and the rest by order"
        ),
        pytest.param(
            [(None, None), (None, None)], [("1", "a"), ("2", "b")], ["a", "b"], id="references that say nothing"
        ),
        pytest.param([("x", "a"), ("y", "a")], [("y", "a"), ("x", "a")], ["a", "a"], id="one name twice"),
        pytest.param([], [("1", "a")], ["a"], id="no references at all"),
    ],
)
def test_each_attachment_has_its_own_reference(
    references: list[tuple[str | None, str | None]], attachments: list[tuple[str | None, str | None]], names: list[str]
) -> None:
    """By id and name, by either, then by order: whatever a writer leaves out (domain: edXML as practised)."""
    found = paired(listing(*references), enclosed(*attachments))

    assert codes(found) == set()
    assert [(leaf.name, leaf.data) for leaf in found.parts] == [
        (name, PDF + b"%d" % number) for number, name in enumerate(names)
    ]


@pytest.mark.parametrize(
    ("references", "attachments", "missing"),
    [
        pytest.param([("1", "a"), ("1", "b")], [("1", "a")], "referenced and not there: b", id="one id for two files"),
        pytest.param(
            [("1", "a"), ("2", "a")], [("1", "a")], "referenced and not there: a", id="one name for two files"
        ),
        pytest.param([("1", "a")], [("1", "a"), ("1", "a")], "there and not referenced: a", id="a file too many"),
        pytest.param([("1", "a")], [("2", "b")], "referenced and not there: a", id="another file"),
    ],
)
def test_a_reference_serves_one_attachment_only(
    references: list[tuple[str | None, str | None]], attachments: list[tuple[str | None, str | None]], missing: str
) -> None:
    """Else a package that lost its form would look whole, because its annex has the same id."""
    assert Why("EDXML_INCOMPLETE", missing) in paired(listing(*references), enclosed(*attachments)).problems


STATUS_CODE = b"<StatusCode>03</StatusCode>"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b"</Subject>", b"</Subject><OtherInfo>" + STATUS_CODE + b"</OtherInfo>", id="deep in the header"),
        pytest.param(b"</Subject>", b"</Subject>" + STATUS_CODE, id="where a status has it"),
        pytest.param(b"</AttachmentEncoded>", b"</AttachmentEncoded>" + STATUS_CODE, id="after the files"),
    ],
)
def test_a_package_that_brings_files_is_no_status(before: bytes, after: bytes) -> None:
    """A status is set aside unopened; a form inside would be lost in silence."""
    unpacked = unpack(a_package(prefix="").replace(before, after), "p.edxml")

    assert (unpacked.kind, [leaf.data for leaf in unpacked.parts]) == ("edxml", [PDF])


@pytest.mark.parametrize("parent", ["Status", "MessageHeader"])
def test_a_status_stands_in_the_header_under_either_name(parent: str) -> None:
    """As the samples of the national axis have it."""
    package = (
        f"<edXML><edXMLEnvelope><edXMLHeader><{parent}><ResponseFor><OrganId>H11.11</OrganId><Code>5/SNV</Code>"
        f"<PromulgationDate>2019/09/10</PromulgationDate><DocumentId>uuid</DocumentId></ResponseFor>"
        f"<From><OrganId>H11.02</OrganId></From><StatusCode>03</StatusCode><Timestamp>2019/09/12 10:00:00</Timestamp>"
        f"</{parent}></edXMLHeader></edXMLEnvelope><AttachmentEncoded/></edXML>"
    )
    unpacked = unpack(package.encode(), "p.edxml")

    assert (unpacked.kind, facts(unpacked).status_code, facts(unpacked).from_organ_id) == (
        "edxml-status",
        "03",
        "H11.02",
    )
    assert facts(unpacked).response_for[0].document_id == "uuid"
    assert codes(unpacked) == set()


def test_a_package_that_asks_for_two_things_at_once_is_obeyed_in_neither() -> None:
    """A person asks the sender which was meant."""
    twice = b"<BussinessDocType>1</BussinessDocType>"
    unpacked = unpack(a_package(prefix="").replace(b"</TraceHeaderList>", twice + b"</TraceHeaderList>"), "p.edxml")

    assert facts(unpacked).operation == "new"
    assert "EDXML_OPERATION_UNKNOWN" in codes(unpacked)


def test_the_wrappers_of_a_package_have_one_allowance_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five hundred small bombs are one large one."""
    monkeypatch.setattr(allowance, "MAX_PRODUCED_BYTES", 3_000)
    files = [(f"{number}.pdf", PDF + bytes(1_500)) for number in range(4)]

    unpacked = unpack(a_package(files), "p.edxml")

    assert "LIMIT_BYTES" in codes(unpacked)


def test_equal_names_in_a_package_are_kept_apart() -> None:
    """Two files of one name are two leaves."""
    unpacked = unpack(a_package((("phieu.pdf", PDF), ("phieu.pdf", PDF + b"2"))), "p.edxml")

    assert [leaf.data for leaf in unpacked.parts] == [PDF, PDF + b"2"]


@pytest.mark.parametrize(
    "declaration",
    [
        b'<!DOCTYPE a [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd">',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1/x.dtd"> %p;]>',
    ],
)
def test_a_document_type_is_refused_and_the_package_kept_whole(declaration: bytes) -> None:
    """No honest package has one; entities of every kind stop here (fonttools#4195, xsdata#1212)."""
    package = a_package().replace(b"?>\n", b"?>" + declaration, 1)
    unpacked = unpack(package, "p.edxml")

    assert codes(unpacked) == {"XML_DTD_REFUSED"}
    assert [leaf.data for leaf in unpacked.parts] == [package]


def test_a_package_that_is_not_well_formed_is_read_as_far_as_it_goes() -> None:
    """One of the SDK's own samples uses a prefix that it never declares."""
    package = a_package().replace(b"<edXML:Reference>", b'<edXML:Reference xlink:href="cid:0">')
    unpacked = unpack(package, "p.edxml")

    assert [leaf.data for leaf in unpacked.parts] == [PDF]
    assert codes(unpacked) == {"XML_NOT_WELL_FORMED"}


def test_the_older_generation_is_recognised_and_left_closed() -> None:
    """SOAP envelopes are set before a person with a clear word."""
    package = (
        b'<soap-env:Envelope xmlns:soap-env="http://schemas.xmlsoap.org/soap/envelope/" xmlns:edXML="http://www.e-doc.vn/Schema/">'
        b"<soap-env:Header><edXML:MessageHeader><edXML:Subject>x</edXML:Subject></edXML:MessageHeader></soap-env:Header>"
        b"</soap-env:Envelope>"
    )
    unpacked = unpack(package, "p.edxml")

    assert (unpacked.kind, codes(unpacked)) == ("edxml", {"EDXML_OLD_GENERATION"})
    assert [leaf.data for leaf in unpacked.parts] == [package]
    assert facts(unpacked).generation == "soap"


@pytest.mark.parametrize("status", ["01", "02", "03"])
def test_a_status_package_that_we_write_reads_back(status: str) -> None:
    """What we tell the document system is what it will read."""
    at = datetime(2019, 9, 14, 16, 59, 59, tzinfo=UTC)
    answered = DocumentReference("000.00.12.H11", "123/SNV-VP", date(2019, 9, 10), "uuid-1")
    sender = StatusSender("000.00.05.H11", "Sở Thông tin và Truyền thông", "stttt@binhthuan.gov.vn", "Văn thư", "")
    package = write_status_package(sender, answered, status, "", at)  # type: ignore[arg-type]  # parametrized
    unpacked = unpack(package, "s.edxml")
    found = facts(unpacked)

    assert (unpacked.kind, unpacked.parts, unpacked.problems) == ("edxml-status", (), ())
    assert (found.status_code, found.status_at, found.response_for) == (status, at, (answered,))
    assert found.status_description == MEANINGS[status]  # type: ignore[index]  # parametrized
    assert (found.from_organ_id, found.from_name) == ("000.00.05.H11", "Sở Thông tin và Truyền thông")


def test_a_status_package_writes_vietnamese_time() -> None:
    """The form has no zone; its readers take it for +07:00."""
    at = datetime(2019, 9, 14, 23, 59, 59, tzinfo=timezone(timedelta(hours=7)))
    package = write_status_package(StatusSender("a", "b"), DocumentReference("", "", None, ""), "01", "", at)

    assert b"<edXML:Timestamp>2019/09/14 23:59:59</edXML:Timestamp>" in package


def test_a_status_package_refuses_a_time_without_a_zone() -> None:
    """A naive time would be seven hours wrong on half of all machines."""
    with pytest.raises(ValueError, match="no time zone"):
        write_status_package(
            StatusSender("a", "b"), DocumentReference("", "", None, ""), "01", "", datetime(2019, 9, 14)
        )


def test_forbidden_characters_never_break_a_status_package() -> None:
    """A subject with a control character must not make XML that nobody can read."""
    sender = StatusSender("a\x00", "Sở \x0b\ufffe<&>")
    package = write_status_package(
        sender, DocumentReference("o", "c\x1f", None, "d"), "02", "lý do \x08<x>", datetime(2019, 9, 14, tzinfo=UTC)
    )

    assert facts(unpack(package, "s.edxml")).status_description == "lý do <x>"


def test_a_mail_that_quotes_a_package_is_a_mail() -> None:
    """Its first `<` is that of an address, its first element may be edXML."""
    mail = b"Return-Path: <a@b>\nFrom: a@b\nSubject: x\n\n" + a_package()

    assert unpack(mail, "x.eml").kind == "mail"
    assert unpack(mail, "x").kind == "mail"


@pytest.mark.parametrize(
    "head", [b"Return-Path: <edXML/x@evil.example>\r\n", b"From <edXML/x@evil.example> Thu Sep 12\n"]
)
def test_a_mail_whose_sender_calls_himself_a_package_is_none(head: bytes) -> None:
    """The stray bytes that one SDK writes before its package are no header field."""
    assert not looks_like_edxml(head + b"From: snv@binhthuan.example\r\n\r\n<edXML/>")
    assert looks_like_edxml(b"1212<?xml version='1.0'?><edXML/>")
