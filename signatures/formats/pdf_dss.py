"""The document security store of a PDF: papers for judging its signatures that were put beside them later."""

from __future__ import annotations

from signatures.evidence import Material
from signatures.formats.pdf_filters import TooCostly
from signatures.formats.pdf_objects import Dictionary, PdfSyntaxError, Stream
from signatures.formats.pdf_view import View

# A DSS of a file signed by two dozen persons over ten years holds some hundred papers.
MAX_PAPERS = 2_000


def material_of(view: View) -> Material:
    """Return the papers of the document security store (ISO 32000-2, 12.8.4.3), each once, readable ones only."""
    store = view.entry(view.catalog, "DSS")
    if not isinstance(store, Dictionary):
        return Material()
    return Material(
        certificates=_papers(view, store, "Certs"),
        crls=_papers(view, store, "CRLs"),
        ocsps=_papers(view, store, "OCSPs"),
    )


def _papers(view: View, store: Dictionary, key: str) -> tuple[bytes, ...]:
    listed = view.entry(store, key)
    found: dict[bytes, None] = {}
    for item in listed if isinstance(listed, list) else []:
        if len(found) >= MAX_PAPERS:
            raise TooCostly(f"more than {MAX_PAPERS} papers in the document security store")
        stream = view.resolve(item)
        if isinstance(stream, Stream):
            try:
                found[view.decoded(stream)] = None
            except PdfSyntaxError:
                continue
    return tuple(found)
