"""Who may recall a filed form or state its moment: whole journeys through a real export folder, some of them forged."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

from intake.demo.exports import NEW, REVOKE, Attachment, Party, document_id, edxml_document, manifest
from intake.once import run_once
from intake.sources.bundles import BundleFile, write_bundle
from storage.records import State
from tests.makers import DUE, IN_TIME
from tests.makers_sources import Sink
from tests.offices import SmallOffice, a_mail, a_signed_form, by_name, codes, put

HOUR = timedelta(hours=1)
SXD, OFFICE = Party("H11.09", "Sở Xây dựng", "sxd@x"), Party("H11.11", "Sở TTTT", "stttt@x")
THE_FORM = document_id(SXD, "1", "SXD", IN_TIME)


def package(sender: Party = SXD, number: str = "1", **changes: object) -> bytes:
    """A package of the Department of Construction, with its form."""
    values: dict[str, object] = {
        "number": number,
        "notation": "SXD",
        "subject": "Phiếu đánh giá ứng dụng CNTT năm 2019",
        "signed_by": "A",
        "at": IN_TIME,
        "attachments": (Attachment("phieu.signed.pdf", a_signed_form("Sở Xây dựng")),),
        "operation": NEW,
    }
    return edxml_document(sender, OFFICE, **(values | changes))  # type: ignore[arg-type]  # The names are the maker's.


def recall(sender: Party = SXD, about: str = THE_FORM) -> bytes:
    """A package that recalls `about`."""
    return package(sender, "2", operation=REVOKE, attachments=(), replaces=(about,), subject="Thu hồi Phiếu đánh giá")


def test_the_systems_own_recall_is_obeyed(small_office: SmallOffice) -> None:
    """A package at the top of the folder, from the organ that sent the form."""
    put(small_office, "form.edxml", package())
    run_once(small_office.office)
    assert by_name(small_office)["form.edxml"].state is State.FILED
    put(small_office, "recall.edxml", recall())

    run_once(small_office.office)

    found = by_name(small_office)
    assert found["form.edxml"].state is State.WITHDRAWN
    assert found["recall.edxml"].linked_to == found["form.edxml"].id


def test_a_package_that_was_an_attachment_recalls_nothing(small_office: SmallOffice) -> None:
    """Exported beside its document, below it, under another name, or as a mail: somebody wrote it and sent it."""
    put(small_office, "form.edxml", package())
    run_once(small_office.office)
    for path in ("445/attached.edxml", "446/2019/09/below.edxml", "attached.xml", "phieu.pdf"):
        put(small_office, path, recall())
    small_office.mailbox.put(recall())

    run_once(small_office.office)

    found = by_name(small_office)
    assert found.pop("form.edxml").state is State.FILED
    assert {name: (one.state, "PACKAGE_NOT_VOUCHED" in codes(one)) for name, one in found.items()} == {
        "attached.edxml": (State.HELD, True),
        "below.edxml": (State.HELD, True),
        "attached.xml": (State.HELD, True),
        "phieu.pdf": (State.HELD, True),
        "mail.eml": (State.HELD, True),
    }


def test_a_recall_by_another_organ_waits_for_a_person(small_office: SmallOffice) -> None:
    """The name is the agency's, the organ id is somebody else's."""
    put(small_office, "form.edxml", package())
    run_once(small_office.office)
    put(small_office, "recall.edxml", recall(Party("H99.01", "Sở Xây dựng", "x@x")))

    run_once(small_office.office)

    found = by_name(small_office)
    assert (found["form.edxml"].state, found["recall.edxml"].state) == (State.FILED, State.HELD)
    assert "RECALL_BY_ANOTHER_ORGAN" in codes(found["recall.edxml"])


def test_a_zip_that_looks_like_our_bundle_states_no_moment_and_recalls_nothing(small_office: SmallOffice) -> None:
    """The bundle's index is ours only where we wrote it: an attachment of that shape comes from its sender."""
    put(small_office, "form.edxml", package())
    run_once(small_office.office)
    form = a_signed_form("Sở Xây dựng", version=1)
    for name, more in (
        ("recall.zip", {"operation": "revoke", "replaces": [THE_FORM]}),
        ("moment.zip", {"received_at": (DUE - HOUR).isoformat()}),
    ):
        sidecar = manifest(
            sender=SXD,
            code="3/SXD",
            subject="Phiếu đánh giá ứng dụng CNTT năm 2019",
            sent_at=IN_TIME,
            received_at=DUE - HOUR,
            files=(("phieu.signed.pdf", form, "form"),),
        )
        put(small_office, name, forged_bundle(sidecar, form, more), DUE + HOUR)

    run_once(small_office.office)

    found = by_name(small_office)
    assert found["form.edxml"].state is State.FILED
    for name in ("recall.zip", "moment.zip"):
        assert (found[name].state, "PACKAGE_NOT_VOUCHED" in codes(found[name])) == (State.HELD, True)
        assert found[name].received_by != "manifest"


def forged_bundle(sidecar: bytes, form: bytes, more: dict[str, object]) -> bytes:
    """A ZIP such as the folder source writes, made by somebody else."""
    said = json.dumps(json.loads(sidecar) | more).encode()
    sink = Sink()
    files = [
        BundleFile(name, len(data), hashlib.sha256(data).hexdigest(), IN_TIME, lambda data=data: iter([data]))  # type: ignore[misc]  # A default binds it.
        for name, data in (("manifest.json", said), ("phieu.signed.pdf", form))
    ]
    write_bundle(sink, "manifest", "447", files, with_content=True)
    return bytes(sink.data)


def test_a_mail_whose_envelope_sender_looks_like_a_package_stays_a_mail(small_office: SmallOffice) -> None:
    """Read as a package it would lose its From header, and with it the doubt about a strange mailbox."""
    mail = b"Return-Path: <edXML/x@evil.example>\r\n" + a_mail(a_signed_form(), sender="edXML/x@evil.example")
    small_office.mailbox.put(mail)

    run_once(small_office.office)

    (delivery,) = by_name(small_office).values()
    assert (delivery.state, "SENDER_NOT_REGISTERED" in codes(delivery)) == (State.HELD, True)
