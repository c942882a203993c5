"""How a sender's file name becomes a label: decoded as it was meant, safe to show, never a path."""

from __future__ import annotations

import unicodedata

import pytest

from intake.steps.charsets import decode, from_tcvn3, guess, old_font
from intake.steps.mail_names import label_of, read_valued
from intake.steps.unpack import unpack
from tests.makers_mail import a_mail, a_text, an_attachment

VIETNAMESE = "Phiếu đánh giá ứng dụng.pdf"
FIRST, SECOND = b"Phi%E1%BA%BFu%20%C4%91%C3%A1nh%20gi", b"%C3%A1%20%E1%BB%A9ng%20d%E1%BB%A5ng.pdf"


def name_of(value: bytes) -> str | None:
    return read_valued(value).parameters.get("filename")


def as_windows_1258(text: str) -> bytes:
    """Write as a Vietnamese Windows does: tones after their vowel."""
    made = b""
    for letter in unicodedata.normalize("NFC", text):
        try:
            made += letter.encode("cp1258")
        except UnicodeEncodeError:
            marks = unicodedata.normalize("NFD", letter)
            tones = [mark for mark in marks if mark in "\u0300\u0301\u0303\u0309\u0323"]
            base = unicodedata.normalize("NFC", "".join(mark for mark in marks if mark not in tones))
            made += (base + "".join(tones)).encode("cp1258")
    return made


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"attachment; filename*=UTF-8''" + FIRST + SECOND, id="RFC 5987"),
        pytest.param(
            b"attachment; filename*0*=UTF-8'vi'" + FIRST + b";\r\n filename*1*=" + SECOND[:-2] + b";\r\n filename*2=df",
            id="RFC 2231 in pieces",
        ),
        pytest.param(
            b"attachment; filename*2=df; filename*1*=" + SECOND[:-2] + b"; filename*0*=UTF-8''" + FIRST,
            id="pieces out of order",
        ),
        pytest.param(
            b'attachment; filename="=?UTF-8?B?UGhp4bq/dSDEkcOhbmggZ2nDoSDhu6luZyBk4bulbmcucGRm?="',
            id="RFC 2047 in quotes",
        ),
        pytest.param(
            b'attachment; filename="=?UTF-8?B?UGhp4bq/dSDEkcOhbmggZ2nDoSDh?=\r\n =?UTF-8?B?u6luZyBk4bulbmcucGRm?="',
            id="a letter cut between two words",
        ),
        pytest.param(b'attachment; filename="' + VIETNAMESE.encode() + b'"', id="raw UTF-8"),
        pytest.param(b"attachment; filename=" + VIETNAMESE.encode(), id="raw and unquoted"),
        pytest.param(b'attachment; filename="' + as_windows_1258(VIETNAMESE) + b'"', id="raw windows-1258"),
        pytest.param(b"attachment; filename*=windows-1258''" + as_windows_1258(VIETNAMESE), id="labelled windows-1258"),
    ],
)
def test_a_vietnamese_name_is_read_however_it_is_written(value: bytes) -> None:
    """Every way in which mail programs write such a name gives the same letters."""
    assert label_of(name_of(value)).name == VIETNAMESE


def test_the_extended_name_wins_over_the_plain_one() -> None:
    """RFC 6266 4.3: the plain one is for programs that cannot read the other."""
    assert name_of(b"attachment; filename=phieu.pdf; filename*=UTF-8''Phi%E1%BA%BFu.pdf") == "Phiếu.pdf"


def test_the_types_name_serves_where_the_disposition_has_none() -> None:
    """Outlook Express wrote only that."""
    part = an_attachment(disposition=b"attachment", kind="application/pdf; name=phieu.pdf")

    assert unpack(a_mail(a_text(), part), "x.eml").parts[0].name == "phieu.pdf"


def test_a_decomposed_name_is_composed() -> None:
    """Names arrive in NFD from macOS."""
    assert label_of(unicodedata.normalize("NFD", VIETNAMESE)).name == VIETNAMESE


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\van thu\\phieu.pdf", "phieu.pdf"),
        ("/u/nsb/RFC-MIME.ps", "RFC-MIME.ps"),
        ("C:phieu.pdf", "phieu.pdf"),
        ("thu muc/", "thu muc"),
        ("..", None),
        ("   ", None),
    ],
)
def test_no_name_is_ever_a_path(written: str, label: str | None) -> None:
    """The sender names nothing but the file."""
    assert label_of(written).name == label


def test_characters_that_turn_the_writing_are_written_out_and_reported() -> None:
    """With U+202E `fdp.exe` looks like `exe.pdf`."""
    label = label_of("phieu\u202efdp.exe")

    assert label.name == "phieu[U+202E]fdp.exe"
    assert [one.code for one in label.problems] == ["NAME_HIDDEN_CHARACTERS"]


def test_control_characters_are_written_out() -> None:
    """A NUL would be refused by the database, a line feed would fake a log line."""
    assert label_of("a\x00b\x1b[31m.pdf").name == "a[U+0000]b[U+001B][31m.pdf"


@pytest.mark.parametrize(
    ("font", "written"), [("TCVN3", "PhiÕu ®¸nh gi¸ øng dông.pdf"), ("VNI", "Phieáu ñaùnh giaù öùng duïng.pdf")]
)
def test_names_in_old_fonts_are_recognised_and_shown_converted(font: str, written: str) -> None:
    """The name stays as it came; its reading stands beside it."""
    label = label_of(written)

    assert (label.name, label.readable) == (written, VIETNAMESE)
    assert label.problems[0].detail == f"{font}: {VIETNAMESE}"


@pytest.mark.parametrize(
    "written", ["Résumé français.doc", "Straße über Köln.pdf", "Kjøkken på norsk", VIETNAMESE, "日本語.pdf"]
)
def test_other_languages_are_not_taken_for_old_fonts(written: str) -> None:
    """Western words with accents are no Vietnamese after any conversion."""
    assert old_font(written) is None


def test_raw_tcvn3_bytes_keep_their_look_and_get_a_reading() -> None:
    """Bytes without a label: windows-1252 shows what the font's users see without the font."""
    raw = "PhiÕu ®¸nh gi¸.doc".encode("cp1252")

    assert label_of(guess(raw).text).readable == "Phiếu đánh giá.doc"


def test_viscii_is_decoded_though_python_does_not_know_it() -> None:
    """RFC 1456."""
    assert decode(b"Phi\xaau \xf0\xe1nh gi\xe1", "VISCII").text == "Phiếu đánh giá"


def test_a_label_never_reaches_a_codec_that_is_no_charset() -> None:
    """`zlib` or `unicode_escape` as a charset would run other code on the sender's bytes."""
    assert decode(b"\\u0041", "unicode_escape").text == "\\u0041"
    assert decode("ế".encode(), "rot13").text == "ế"


def test_utf_8_under_an_ascii_label_is_read_as_utf_8() -> None:
    """Programs that do not know better write us-ascii."""
    assert decode("đánh giá".encode(), "us-ascii").text == "đánh giá"


def test_capital_letters_without_tone_are_part_of_tcvn3() -> None:
    """The font has Đ, Ă, Ê and so on, and no capital with a tone."""
    assert from_tcvn3("§¸nh gi¸ - ¡n") == "Đánh giá - Ăn"


def test_a_very_long_name_keeps_its_ending() -> None:
    """The ending is what a clerk looks at."""
    label = label_of("a" * 400 + ".pdf")

    assert label.name is not None
    assert len(label.name) < 256
    assert label.name.endswith(".pdf")


def test_a_name_without_its_closing_quote_stops_at_the_semicolon() -> None:
    """The next parameter is not part of the name."""
    assert name_of(b'attachment; filename="phieu.pdf; size=2') == "phieu.pdf"


def test_a_missing_semicolon_does_not_join_two_parameters() -> None:
    """`name=form.pdf charset=utf-8` occurs."""
    assert read_valued(b"application/pdf; name=phieu 1.pdf charset=utf-8").parameters["name"] == "phieu 1.pdf"


@pytest.mark.parametrize(
    "value",
    [
        b"attachment; filename*0*=utf-8''Phi%E1%BA%BFu%20; filename*1*=utf-8''%C4%91%C3%A1nh%20gi%C3%A1.pdf",
        b"attachment; filename*0*=utf-8''Phi%E1%BA%BFu%20; filename*1*=windows-1258''%F0%E1nh%20gi%E1.pdf",
        b"attachment; filename*1*=%C4%91%C3%A1nh%20; filename*2=gi; filename*3*=%C3%A1.pdf;"
        b" filename*0*=utf-8'vi'Phi%E1%BA%BFu%20",
    ],
    ids=["the charset in each piece", "another charset in each piece", "out of order"],
)
def test_pieces_of_a_name_are_joined_however_they_name_their_charset(value: bytes) -> None:
    """RFC 2231 section 4.1 allows it in the first piece only; programs differ."""
    assert read_valued(value).parameters["filename"] == "Phiếu đánh giá.pdf"


def test_a_pile_of_marks_is_cut_and_reported() -> None:
    """It would cover the lines around it; two marks on a letter are Vietnamese and stay."""
    label = label_of("phie\u0302\u0301u" + "\u0301" * 500 + ".pdf")

    assert label.name == "phiếú" + "\u0301" * 3 + "[…].pdf"
    assert [one.code for one in label.problems] == ["NAME_HIDDEN_CHARACTERS"]
