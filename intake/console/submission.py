"""The page of one delivery: what it is, what was found, what it says, what happened to it, and what may be done."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from intake.console.access import may
from intake.console.checks import checks_of
from intake.console.register import names_of
from intake.console.showing import visible
from intake.console.visit import Visit
from intake.console.words import ACTION_MEANINGS, ACTIONS, CHANGED_AFTER, COVERS, REVOCATION
from storage.queries import LogFilter
from storage.records import Delivery, Role

# Of these a report says that what shows was changed after a signature, or that it cannot rule that out.
_SHOWS = frozenset({"VISIBLE_CHANGE", "VISIBLE_CHANGE_SEALED_LATER"})
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
DOWNLOAD_CHUNK = 256 * 1024

# A download must never run in our name: no type that a browser shows, no sniffing, no script if it is shown anyway.
_DOWNLOAD_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that belong to a delivery: one of its files, or the thing itself as it arrived."""

    sha256: str
    name: str
    media_type: str


def show(visit: Visit) -> Response:
    """Answer with the page of the delivery that `ref` (id or receipt number) names."""
    desk = visit.desk
    delivery = desk.ledger.delivery(visit.place("ref"))
    shown = desk.queries.show(delivery.id)
    names = names_of(visit)
    files = shown["files"]
    form = next((one for one in files if one["role"] == "form"), None)
    signatures = signatures_of(files, form)
    full_names = {one.name: one.full_name for one in desk.accounts.list()}
    page_text = visit.asked("page", "1")
    return visit.page(
        "submission.html",
        title=delivery.receipt_no or "Văn bản đến",
        delivery=delivery,
        files=files,
        form=form,
        answers=shown["form"]["answers"],
        flaws=shown["form"]["flaws"],
        signatures=signatures,
        checks=checks_of(delivery, signatures, names.get(delivery.agency or "")),
        agency_name=names.get(delivery.agency or ""),
        names=names,
        timeline=desk.queries.timeline(delivery.id),
        letters=desk.ledger.letters.letters_of(delivery.id),
        others=others_of(visit, delivery),
        pending=desk.ledger.pending(delivery.id),
        permissions=desk.clerk.permissions(delivery.id, visit.account.name) if may(visit.account, Role.CLERK) else (),
        actions=ACTIONS,
        meanings=ACTION_MEANINGS,
        full_names=full_names,
        picture_of=previewed(files, form),
        picture_page=int(page_text) if re.fullmatch(r"[1-9][0-9]{0,3}", page_text) else 1,
        picture_pages=visit.easel.pages_of(form["sha256"]) if form else None,
        compared=shows_otherwise(files),
        covers=COVERS,
        changed=CHANGED_AFTER,
        revocation=REVOCATION,
        campaign=desk.campaign(),
    )


def signatures_of(files: Sequence[Mapping[str, Any]], form: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Return the signatures that speak for the form: its own, else detached ones, else the envelope's."""
    found: list[Mapping[str, Any]] = []
    if form is not None and form.get("report"):
        found += form["report"]["signatures"]
    for role in ("detached_signature", "envelope"):
        if found:
            break
        found += [
            signature
            for one in files
            if one["role"] == role and one.get("report")
            for signature in one["report"]["signatures"]
        ]
    return found


def shows_otherwise(files: Sequence[Mapping[str, Any]]) -> Mapping[str, tuple[str, ...]]:
    """
    Return, by digest, the PDFs that show (or may show) something else than was signed, by their kept reports.

    The value names the signatures after which that is so.
    """
    found: dict[str, tuple[str, ...]] = {}
    for one in files:
        signatures = (one.get("report") or {}).get("signatures", ()) if one["media_type"] == "application/pdf" else ()
        names = tuple(
            each["name"]
            for each in signatures
            if each.get("pages") or any(why["code"] in _SHOWS for why in each["reasons"])
        )
        if names:
            found[one["sha256"]] = names
    return found


def comparison_of(visit: Visit, delivery: Delivery) -> str | None:
    """Return the address that compares the form with what was signed, None where its report names no such change."""
    compared = shows_otherwise(visit.desk.queries.show(delivery.id)["files"])
    if delivery.form_sha256 not in compared:
        return None
    return f"/deliveries/{delivery.id}/files/{delivery.form_sha256}/changes"


def previewed(files: Sequence[Mapping[str, Any]], form: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the file to draw: the form if it is a PDF, else the first PDF there is, else None."""
    candidates = [one for one in ([form] if form else []) + list(files) if one["media_type"] == "application/pdf"]
    return candidates[0] if candidates else None


def others_of(visit: Visit, delivery: Delivery) -> list[Delivery]:
    """Return the agency's other deliveries, newest first, and what this one is linked to."""
    found: dict[str, Delivery] = {}
    if delivery.agency is not None:
        wanted = LogFilter(agency=delivery.agency, campaign=visit.desk.campaign().id, limit=50)
        found = {one.id: one for one in visit.desk.queries.deliveries(wanted)}
    for ref in (delivery.linked_to, delivery.supersedes):
        if ref and ref not in found:
            found[ref] = visit.desk.ledger.delivery(ref)
    found.pop(delivery.id, None)
    return sorted(found.values(), key=lambda one: one.received_at, reverse=True)


def download(visit: Visit) -> Response:
    """Hand out one stored file as a download; only bytes that belong to this delivery, never shown inline."""
    blob = blob_of(visit)
    stream = visit.desk.vault.open(blob.sha256)
    length = visit.desk.vault.size(blob.sha256)

    def chunks() -> Iterator[bytes]:
        with stream:
            while chunk := stream.read(DOWNLOAD_CHUNK):
                yield chunk

    headers = {
        "Content-Disposition": disposition(blob.name),
        "Content-Security-Policy": _DOWNLOAD_POLICY,
        "X-Download-Options": "noopen",
    }
    if length is not None:
        headers["Content-Length"] = str(length)
    return StreamingResponse(chunks(), media_type="application/octet-stream", headers=headers)


def picture(visit: Visit) -> Response:
    """Answer with one page of a PDF of this delivery as PNG, or with a picture of words where it cannot be drawn."""
    blob = blob_of(visit)
    if blob.media_type != "application/pdf":
        raise HTTPException(404)
    drawn = visit.easel.picture(blob.sha256, int(visit.place("number")))
    if not drawn.png:
        return Response(words_as_picture(drawn.words), media_type="image/svg+xml")
    # The picture of a digest never changes, but who may see it can: so the browser keeps it only for this session.
    return Response(drawn.png, media_type="image/png", headers={"Cache-Control": "private, max-age=600"})


def disposition(name: str) -> str:
    """
    Return `Content-Disposition: attachment` for a stranger's file name.

    The plain name is ASCII without quotes, the full one percent-encoded (RFC 6266, 4.3; RFC 8187). Path separators
    and hidden characters are gone from both, so that no browser saves under another name than is shown.
    """
    clean = re.sub(r'[\\/:*?"<>|\n\t]+', "_", visible(name)).strip(" .")[:150] or "tep"
    plain = clean.encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(clean, safe='')}"


def blob_of(visit: Visit) -> Blob:
    """Return the asked bytes if they belong to the delivery; whoever guesses digests gets a 404."""
    delivery = visit.desk.ledger.delivery(visit.place("ref"))
    sha256 = visit.place("sha256")
    if not _DIGEST.match(sha256):
        raise HTTPException(404)
    for one in visit.desk.queries.show(delivery.id)["files"]:
        if one["sha256"] == sha256:
            return Blob(sha256, one["name"] or "tep", one["media_type"])
    if sha256 == delivery.sha256:
        return Blob(sha256, _original_name(delivery), "application/octet-stream")
    raise HTTPException(404)


def _original_name(delivery: Delivery) -> str:
    """A name for the thing as it arrived: mail has none, an export keeps its own."""
    if delivery.name:
        return delivery.name
    return f"{delivery.receipt_no or delivery.id}.{'eml' if delivery.channel == 'mail' else 'bin'}"


def words_as_picture(words: str) -> str:
    """Return a small picture that says why there is no picture; our own words only."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="600" height="160" viewBox="0 0 600 160">'
        '<rect width="600" height="160" fill="#eceff2"/>'
        '<text x="300" y="85" text-anchor="middle" font-family="sans-serif" font-size="18" fill="#4a5560">'
        f"{words}</text>"
        "</svg>"
    )
