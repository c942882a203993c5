"""The small readers that the large ones lean on, and every asset of ours damaged at random: an answer, never a fall."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from config.errors import OfficeError
from intake.steps import charsets, html_text, media_types
from signatures import mime
from signatures.formats.pdf_filters import Budget, TooCostly, decode
from signatures.formats.pdf_objects import Dictionary, Name, PdfSyntaxError
from signatures.question import Document, Question
from signatures.report import Verdict
from signatures.trust import TrustStore
from signatures.verify import inspect
from signatures.xades import moment_of
from tests.makers_cms import NOW, base64_lines, office, revocation_list

ASSETS = Path(__file__).parents[1] / "assets"
FEW = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
# An asset larger than this is slow to damage a thousand times and shows nothing that a small one does not.
MOST_BYTES = 200_000
STUMBLES = {"EXAMINATION_FAILED", "PDF_NOT_EXAMINED", "PDF_SIGNATURE_NOT_EXAMINED"}


@cache
def assets() -> tuple[tuple[str, bytes], ...]:
    """Attacks and lawful files of every format."""
    found = [path for path in sorted(ASSETS.rglob("*")) if path.is_file() and "." in path.name]
    small = [path for path in found if path.suffix not in (".py", ".pyc") and path.stat().st_size <= MOST_BYTES]
    return tuple((path.name, path.read_bytes()) for path in small)


@FEW
@given(
    which=st.integers(0, 10_000),
    places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255), st.integers(0, 40)), max_size=5),
)
def test_any_asset_damaged_anywhere_ends_in_a_finding(which: int, places: list[tuple[float, int, int]]) -> None:
    """Whatever defect a file has already, further damage is examined, too."""
    name, data = assets()[which % len(assets())]
    octets = bytearray(data)
    for place, value, cut in places:
        at = int(place * len(octets))
        octets[at : at + cut] = bytes([value])
    report = inspect(Document(name, bytes(octets)), Question(at=NOW, integrity_only=True))
    codes = {one.code for one in report.reasons} | {one.code for sig in report.signatures for one in sig.reasons}
    assert codes & STUMBLES == set()


@FEW
@given(st.binary(max_size=300), st.sampled_from([None, "utf-8", "tcvn3", "x-viet-vps", "utf-7", "viscii", "gibt-es"]))
def test_any_bytes_are_some_text(data: bytes, label: str | None) -> None:
    """Labelled rightly, wrongly or not at all."""
    for decoded in (charsets.decode(data, label), charsets.guess(data)):
        charsets.old_font(decoded.text)
        charsets.from_tcvn3(decoded.text)
        charsets.from_vni(decoded.text)
        html_text.text_of_html(decoded.text)


@FEW
@given(st.binary(max_size=300), st.text(max_size=40), st.text(max_size=40))
def test_any_bytes_have_some_kind(data: bytes, declared: str, name: str) -> None:
    """Whatever they are called."""
    found = media_types.media_type_of(data, declared)
    assert found is not None
    media_types.mismatch(name, declared, found)
    media_types.cms_content(data)
    media_types.is_encrypted_pdf(data)


@FEW
@given(st.lists(st.text(max_size=60), max_size=3), st.text(max_size=40))
def test_any_text_is_read_as_addresses_and_times(values: list[str], moment: str) -> None:
    """Or as none."""
    mime.addresses(values)
    found = moment_of(moment)
    assert found is None or found.tzinfo is not None


_FILTERS = st.sampled_from(
    ["FlateDecode", "LZWDecode", "ASCIIHexDecode", "ASCII85Decode", "RunLengthDecode", "Crypt", "DCTDecode", "X"]
)
_SETTINGS = st.dictionaries(
    st.sampled_from(["Predictor", "Columns", "Colors", "BitsPerComponent", "EarlyChange"]), st.integers(-2, 2**33)
)


@FEW
@given(st.binary(max_size=200), st.lists(_FILTERS, max_size=5), st.lists(_SETTINGS, max_size=5))
def test_any_stream_is_decoded_or_refused(data: bytes, names: list[str], parameters: list[dict[str, int]]) -> None:
    """With any filters and any parameters, within the budget."""
    given_settings = [Dictionary() for _ in parameters]
    for setting, values in zip(given_settings, parameters, strict=True):
        setting.update(values)
    try:
        decode(data, [Name(one) for one in names], given_settings, Budget(1 << 20))
    except (PdfSyntaxError, TooCostly):
        return


@FEW
@given(st.integers(0, 3), st.floats(0, 1, exclude_max=True), st.integers(0, 255), st.booleans())
def test_a_damaged_paper_in_the_trust_folder_is_read_or_named(which: int, place: float, value: int, pem: bool) -> None:
    """An operator who put a broken file there is told which."""
    one = office()
    paper = (one.root.certificate, one.authority.certificate, revocation_list(one.root), b"x")[which]
    octets = bytearray(b"-----BEGIN CERTIFICATE-----\n" + base64_lines(paper) if pem else paper)
    octets[int(place * len(octets))] = value
    with TemporaryDirectory() as name:
        path = Path(name) / "paper.crt"
        path.write_bytes(octets)
        try:
            store = TrustStore.load([Path(name)])
        except OfficeError as cause:
            said = str(cause)
            event("refused")
            store = None
        assert store is not None or "paper.crt" in said
        report = inspect(Document("x.txt", b"x"), Question(at=NOW, trust=store))
        assert report.verdict is Verdict.UNSIGNED
