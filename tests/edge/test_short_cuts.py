"""What makes judging fast changes no verdict: each short cut is compared with the long way, over assets and corpora."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pytest
from cryptography import x509

from signatures.crls import CrlError, parse_crl
from signatures.formats import ooxml_fields
from signatures.formats.ooxml_package import Package
from signatures.formats.ooxml_zip import PackageRefused
from signatures.formats.pdf_file import PdfFile
from signatures.formats.pdf_filters import TooCostly
from signatures.formats.pdf_roles import paths_to, uses_of
from signatures.formats.pdf_view import NotPdf, View
from signatures.kinds import kind_of
from signatures.question import Document, Question
from signatures.report import FileReport
from signatures.trust import TrustStore
from signatures.verify import INSPECTORS, inspect, inspect_paths

ASSETS = Path(__file__).parents[1] / "assets"
PKITS = Path(str(files("cryptography_vectors"))) / "x509" / "PKITS_data"
# Judged under the suite's own trust as well, so that chains, lists and their caches take part.
AT = datetime(2020, 1, 1, tzinfo=UTC)
# Objects of a PDF that are walked one by one to check the search; the corpora's files have a few hundred.
MOST_OBJECTS = 3_000


@dataclass(frozen=True)
class Place:
    """Files to compare over, and the question they are asked."""

    name: str
    paths: tuple[Path, ...]
    question: Question

    def documents(self) -> list[Document]:
        """Read them as `intake verify` does, a detached signature with its sibling."""
        return [self.document(path) for path in self.paths]

    @staticmethod
    def document(path: Path) -> Document:
        sibling = path.with_suffix("")
        if path.suffix == ".p7s" and sibling.is_file():
            return Document(str(path), path.read_bytes(), sibling.read_bytes(), sibling.name)
        return Document(str(path), path.read_bytes())

    def of_kind(self, *suffixes: str) -> list[Path]:
        """Those whose names end so."""
        return [path for path in self.paths if path.suffix in suffixes]


@cache
def pkits_trust() -> TrustStore:
    certificates = sorted((PKITS / "certs").glob("*.crt"))
    return TrustStore(
        ((PKITS / "certs" / "TrustAnchorRootCertificate.crt").read_bytes(),),
        tuple(path.read_bytes() for path in certificates if not path.stem.endswith("EE")),
        tuple(path.read_bytes() for path in sorted((PKITS / "crls").glob("*.crl"))),
    )


def files_below(*folders: Path) -> tuple[Path, ...]:
    return tuple(
        path
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (".py", ".pyc", ".md")
    )


@pytest.fixture(params=["assets", "pkits", pytest.param("corpus", marks=pytest.mark.corpus)])
def place(request: pytest.FixtureRequest) -> Place:
    """Our own attacks and lawful files; the suite's mails under its trust; the public corpora."""
    if request.param == "assets":
        return Place("assets", files_below(ASSETS), Question(at=AT, integrity_only=True))
    if request.param == "pkits":
        mails = files_below(PKITS / "smime")
        return Place("pkits", mails, Question(at=AT, at_is_proof=True, trust=pkits_trust()))
    corpus: Path = request.getfixturevalue("corpus")
    return Place(
        "corpus", files_below(corpus / "signatures", corpus / "edxml"), Question(at=AT, at_is_proof=True, trust=None)
    )


def caches() -> list[Callable[[], None]]:
    """Everything in our modules that remembers from file to file."""
    return [
        value.cache_clear
        for name, module in sorted(sys.modules.items())
        if name.startswith("signatures.")
        for value in vars(module).values()
        if hasattr(value, "cache_clear")
    ]


def differing(one: Iterable[FileReport], two: Iterable[FileReport]) -> list[str]:
    return [first.path for first, second in zip(one, two, strict=True) if first != second]


_JUDGED: dict[str, list[FileReport]] = {}


def judged(place: Place) -> list[FileReport]:
    """The reports of this process, in the order of the files; judged once, in an order of no kind, for all who ask."""
    if place.name not in _JUDGED:
        documents = place.documents()
        shuffled = random.Random(697).sample(range(len(documents)), len(documents))
        warm = {index: inspect(documents[index], place.question) for index in shuffled}
        _JUDGED[place.name] = [warm[index] for index in range(len(documents))]
    return _JUDGED[place.name]


def test_what_is_remembered_from_other_files_changes_no_report(place: Place, tell: Callable[[str], None]) -> None:
    """A file judged cold, with nothing remembered, gets the very report it gets late in a worker's life."""
    documents = place.documents()
    for name in INSPECTORS:
        import_module(name)
    forget = caches()
    assert len(forget) >= 15
    warm = judged(place)
    cold = []
    for document in documents:
        for clear in forget:
            clear()
        cold.append(inspect(document, place.question))
    assert differing(warm, cold) == []
    tell(f"short cuts: {len(documents)} files of {place.name} judged warm and cold, reports that differ: 0")


def test_a_worker_process_reports_what_this_process_reports(place: Place, tell: Callable[[str], None]) -> None:
    """Limits on time and memory and the way through a pipe change nothing."""
    here = judged(place)
    there = inspect_paths(place.paths, place.question, processes=2, keep_evidence=True)
    assert differing(here, there) == []
    tell(f"short cuts: {len(here)} files of {place.name} judged here and in workers, reports that differ: 0")


def test_the_look_at_a_files_first_bytes_picks_the_inspector_that_asking_all_would_pick(place: Place) -> None:
    """Only the inspectors concerned are loaded; the others would not have recognised the file."""
    for document, report in zip(place.documents(), judged(place), strict=True):
        if kind_of(document).verdict is not None:
            continue
        willing = [module for module in map(import_module, INSPECTORS) if module.recognises(document)]
        expected = willing[0].inspect(document, place.question).format if willing else "other"
        assert report.format == expected, document.name


def test_the_search_for_uses_finds_what_a_walk_through_the_whole_pdf_finds(place: Place) -> None:
    """Bytes are searched for references to the touched objects instead of reading every object."""
    compared = 0
    for path in place.of_kind(".pdf"):
        data = path.read_bytes()
        try:
            view = View(PdfFile(data), len(data))
        except (NotPdf, TooCostly):
            continue
        size = view.trailer.get("Size")
        if view.trailer.get("Encrypt") is not None or not isinstance(size, int) or not 0 < size < MOST_OBJECTS:
            continue
        try:
            live = [number for number in range(1, size) if view.placed(number) is not None]
            everything = frozenset(live)
            walked = {(number, holder) for holder in live for number, _ in paths_to(view.get(holder), everything)}
            # A few objects are searched for by their numbers, many by looking at every reference.
            for asked in (live[:40], live):
                uses = [use for found in uses_of(view, asked).values() for use in found if use.holder]
                missed = {pair for pair in walked if pair[0] in asked} - {(use.number, use.holder) for use in uses}
                assert missed == set(), path.name
        except TooCostly:
            continue
        compared += 1
    assert compared > 20 or place.name == "pkits"


def test_the_walk_over_raw_entries_reads_a_list_as_a_whole_parser_does(place: Place) -> None:
    """Every revoked serial number, its date, and nobody else: as the library reads the same list."""
    lists = pkits_trust().crls if place.name == "pkits" else tuple(path.read_bytes() for path in place.of_kind(".crl"))
    for der in lists:
        try:
            ours = parse_crl(der)
        except CrlError:
            continue
        try:
            theirs = x509.load_der_x509_crl(der)
            entries = {entry.serial_number: entry for entry in theirs}
        except ValueError:
            continue
        if ours.scope.indirect or not ours.readable:
            continue
        for serial, entry in entries.items():
            octets = serial.to_bytes(serial.bit_length() // 8 + 1, "big", signed=True)
            found = ours.find(octets, ours.issuer)
            assert found is not None
            assert found.revoked_at == entry.revocation_date_utc
        assert ours.find(b"\x7e\x57\x00\x01", ours.issuer) is None
    assert len(lists) > 100 or place.name != "pkits"


def test_words_are_searched_for_only_where_the_pattern_could_not_match_without_them(place: Place) -> None:
    """The quick look for bound content in Office parts misses nothing that the patterns find."""
    for path in place.of_kind(".docx", ".xlsx", ".pptx", ".docm"):
        try:
            package = Package(path.read_bytes())
            octets = {name: package.read(name) for name in package.names}
        except PackageRefused:
            continue
        for name, content in octets.items():
            bound = any(one.search(content) for one in (ooxml_fields._BINDING, ooxml_fields._CITING))
            bound |= not ooxml_fields.is_searchable(content)
            bound |= not ooxml_fields._OF_SOURCES.isdisjoint(ooxml_fields.fields_of(content))
            told = ooxml_fields.takes_text_from_elsewhere(content, sources=True, properties=False)
            assert told is bound, (path.name, name)
