"""The reader of PDF values, tables and filters: tolerant where readers are, exact about where things stand."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signatures.formats.pdf_fields import fields_of
from signatures.formats.pdf_file import PdfFile
from signatures.formats.pdf_filters import Budget, TooCostly, decode
from signatures.formats.pdf_objects import Dictionary, Name, PdfSyntaxError, Reader, Ref, Stream, date_of, text_of
from signatures.formats.pdf_permissions import Lock
from signatures.formats.pdf_roles import uses_of
from signatures.formats.pdf_same import same
from signatures.formats.pdf_signatures import der_of
from signatures.formats.pdf_view import NotPdf, View
from tests.makers_pdf import PAGE_TEXT, a_pdf, revision, stream


def _value(text: bytes) -> object:
    return Reader(text).value(0)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"12", 12),
        (b"-0.5", -0.5),
        (b"--7", 7),
        (b"/A#20B", Name("A B")),
        (b"/Ngu\xc3\xaan", Name("Ngu\xc3\xaan")),
        (b"<48 6f\n6>", b"Ho`"),
        (b"(a\\(b\\)\\n\\101)", b"a(b)\nA"),
        (b"(a(b)c)", b"a(b)c"),
        (b"(a\\\r\nb\r\nc)", b"ab\nc"),
        (b"[1 0 R 2 (x)]", [Ref(1, 0), 2, b"x"]),
        (b"[1 0 R2]", None),
        (b"true", True),
        (b" % note\n null", None),
    ],
)
def test_values_read_as_readers_read_them(text: bytes, expected: object) -> None:
    """Each kind of value has its spelling in ISO 32000-1, 7.3, and its customary bends."""
    if text == b"[1 0 R2]":
        with pytest.raises(PdfSyntaxError):
            _value(text)
    else:
        assert _value(text) == expected


def test_a_key_that_stands_twice_is_named() -> None:
    """The first value holds, and the doubt is kept."""
    value = _value(b"<</A 1/B 2/A 3>>")
    assert isinstance(value, Dictionary)
    assert (value["A"], value.twice) == (1, ("A",))


def test_a_dictionary_knows_where_its_values_stand() -> None:
    """The byte guard compares these places with the byte range."""
    text = b"<< /Type /Sig /Contents  <00ff> >>"
    value = _value(text)
    assert isinstance(value, Dictionary)
    start, stop = value.spans["Contents"]
    assert text[start:stop] == b"<00ff>"


@pytest.mark.parametrize("text", [b"<< /A 1", b"[1 2", b"(abc", b"<<" * 500, b">>", b"]", b"", b"obj"])
def test_broken_values_are_one_kind_of_error(text: bytes) -> None:
    """Nothing but PdfSyntaxError leaves the reader."""
    with pytest.raises(PdfSyntaxError):
        _value(text)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_value_or_that_error(text: bytes) -> None:
    """Hostile bytes are normal bytes."""
    try:
        Reader(text).value(0)
    except PdfSyntaxError:
        return


def test_a_wrong_stream_length_ends_at_endstream() -> None:
    """Readers take the next `endstream` where the length lies."""
    data = b"<< /Length 3 >>\nstream\nabcdef\nendstream"
    reader = Reader(data)
    head, stop = reader.value(0)
    assert isinstance(head, Dictionary)
    found = reader.stream(head, stop, 3)
    assert found is not None
    assert found[0].raw == b"abcdef"


def test_sameness_is_of_kind_and_content() -> None:
    """One is not true, a name is no string, and a stream's length may be written elsewhere."""
    assert not same(1, True)
    assert not same(Name("A"), b"A")
    assert same(1, 1.0)
    one, other = Dictionary(), Dictionary()
    one["Length"], other["Length"] = 3, Ref(9, 0)
    assert same(Stream(one, b"abc"), Stream(other, b"abc"))


def test_a_deflate_bomb_is_too_costly() -> None:
    """What decodes to more than the file's share is not decoded."""
    with pytest.raises(TooCostly):
        decode(zlib.compress(b"0" * 1_000_000), Name("FlateDecode"), None, Budget(100_000))


def test_rows_of_differences_are_undone() -> None:
    """Predictor 12 of cross-reference streams (ISO 32000-1, 7.4.4.4), at one go and row by row alike."""
    setting = Dictionary()
    setting.update({"Predictor": 12, "Columns": 3})
    up = b"\x02\x01\x02\x03\x02\x01\x01\x01"
    mixed = b"\x00\x01\x02\x03\x02\x01\x01\x01"
    for rows in (up, mixed):
        assert decode(zlib.compress(rows), Name("FlateDecode"), setting, Budget()) == b"\x01\x02\x03\x02\x03\x04"


def test_a_prefix_is_read_as_a_file_of_its_own() -> None:
    """The first revision shows its own page content, whatever came later."""
    first = a_pdf()
    second = revision(first, {4: stream("BT ET")})
    file = PdfFile(second.data)
    old, new = View(file, len(first.data)), View(file, len(second.data))
    before, after = old.get(4), new.get(4)
    assert isinstance(before, Stream)
    assert isinstance(after, Stream)
    assert (before.raw, after.raw) == (PAGE_TEXT.encode(), b"BT ET")


def test_a_damaged_table_is_rebuilt_only_where_that_is_asked() -> None:
    """A signed revision must stand on its own; a whole file is read as readers read it."""
    data = a_pdf().data.replace(b"startxref\n", b"startxref\n9")
    file = PdfFile(data)
    assert View(file, len(data)).rebuilt
    with pytest.raises(NotPdf):
        View(file, len(data), rebuild=False)


def test_tables_that_go_round_in_circles_end() -> None:
    """A table that continues itself is damage, not an endless history."""
    made = a_pdf()
    data = made.data.replace(b"/Info 9 0 R ", b"/Info 9 0 R /Prev %d " % made.last_table)
    view = View(PdfFile(data), len(data))
    assert view.rebuilt


def test_places_beyond_all_measure_are_damage() -> None:
    """A table that points further than a machine can count is a broken table, nothing worse."""
    made = a_pdf()
    data = made.data.replace(b"/Info 9 0 R ", b"/Info 9 0 R /Prev 99999999999999999999999 ")
    assert View(PdfFile(data), len(data)).rebuilt
    with pytest.raises(PdfSyntaxError):
        Reader(b"1").value(10**30)


def test_uses_are_found_in_live_objects_only() -> None:
    """An object that a later revision replaced uses nothing any more."""
    made = revision(a_pdf(), {3: a_pdf().bodies[3].replace("/Contents 4 0 R", "/Contents 20 0 R"), 20: stream("BT ET")})
    view = View(PdfFile(made.data), len(made.data))
    found = uses_of(view, [4, 20, 5])
    assert found[4] == []
    assert [(use.holder, use.path) for use in found[20]] == [(3, ("Contents",))]
    assert {use.holder for use in found[5]} == {3, 6, 8}


def test_field_names_join_with_dots() -> None:
    """The full name of a field is that of its ancestors and its own (ISO 32000-1, 12.7.3.2)."""
    made = revision(
        a_pdf(),
        {
            6: "<< /Fields [20 0 R] >>",
            20: "<< /T (Phan1) /FT /Tx /Kids [21 0 R 22 0 R] >>",
            21: "<< /T (A) /Parent 20 0 R >>",
            22: "<< /T <FEFF0110> /Parent 20 0 R >>",
        },
    )
    view = View(PdfFile(made.data), len(made.data))
    assert [(one.name, one.kind) for one in fields_of(view)] == [("Phan1.A", "Tx"), ("Phan1.Đ", "Tx")]


def test_a_lock_on_a_name_holds_all_below_it() -> None:
    """Locks speak of field names (ISO 32000-1, table 233)."""
    assert Lock("Include", frozenset({"A"})).holds("A.B")
    assert not Lock("Include", frozenset({"A"})).holds("AB")
    assert Lock("Exclude", frozenset({"A"})).holds("B")
    assert Lock("All", frozenset()).holds("X")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("D:20190912100000+07'00'", "2019-09-12T03:00:00+00:00"),
        ("D:20190912100000+07'00", "2019-09-12T03:00:00+00:00"),
        ("20190912Z", "2019-09-12T00:00:00+00:00"),
        ("D:20190912100000", None),
        ("D:20191312100000Z", None),
        ("hôm nay", None),
    ],
)
def test_a_claimed_date_without_a_zone_is_no_moment(text: str, expected: str | None) -> None:
    """Only what names one moment is taken (ISO 32000-1, 7.9.4)."""
    found = date_of(text)
    assert (found.isoformat() if found else None) == expected


def test_padding_after_the_signature_is_cut_off() -> None:
    """The place for a signature is larger than the signature; the rest is zeros."""
    assert der_of(b"\x30\x03\x02\x01\x05" + b"\x00" * 50) == b"\x30\x03\x02\x01\x05"
    assert der_of(b"\x30\x80\x02\x01\x05\x00\x00" + b"\x00" * 9) == b"\x30\x80\x02\x01\x05\x00\x00"


def test_text_strings_are_read_in_all_their_encodings() -> None:
    """UTF-16 in both orders, UTF-8 with its mark, else one letter a byte."""
    assert text_of(b"\xfe\xff\x01\x10") == "Đ"
    assert text_of(b"\xff\xfe\x10\x01") == "Đ"
    assert text_of("\ufeffĐ".encode()) == "Đ"
    assert text_of(b"A") == "A"
