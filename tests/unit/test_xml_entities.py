"""Entities, document types and the network are off in every XML that a stranger can send, whatever it is packed in."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import openpyxl
import pytest

from config.catalogue import Catalogue, load_catalogue
from intake.steps.forms import read_form
from intake.steps.media_types import media_type_of
from intake.steps.unpack import unpack

SECRET = "ĐÂY-LÀ-BÍ-MẬT"

DOCUMENT_TYPES = {
    "internal": '<!DOCTYPE x [<!ENTITY e "ĐÂY-LÀ-BÍ-MẬT">]>',
    "external": '<!DOCTYPE x [<!ENTITY e SYSTEM "{file}">]>',
    "parameter": '<!DOCTYPE x [<!ENTITY % p SYSTEM "{file}"> %p; <!ENTITY e "ĐÂY-LÀ-BÍ-MẬT">]>',
    "external subset": '<!DOCTYPE x SYSTEM "{file}">',
    "laughs": '<!DOCTYPE x [<!ENTITY a "ĐÂY-LÀ-BÍ-MẬT">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + '<!ENTITY e "&i;">]>',
}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(Path("config/catalogue.toml"))


def with_entity(office_file: bytes, part: str, old: str, new: str, document_type: str, encoding: str) -> bytes:
    """Return the file with `old` of one part made `new`, which names the entity `e`, and a document type before it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(office_file)) as source, zipfile.ZipFile(packed, "w") as target:
        for one in source.infolist():
            data = source.read(one)
            if one.filename == part:
                text = data.decode("utf-8")
                text = text[text.index("?>") + 2 :] if text.startswith("<?xml") else text
                assert old in text
                text = f'<?xml version="1.0" encoding="{encoding}"?>{document_type}{text.replace(old, new, 1)}'
                data = text.encode(encoding)
            target.writestr(one.filename, data)
    return packed.getvalue()


def a_word_file() -> bytes:
    document = docx.Document()
    document.add_paragraph("PHIẾU ĐÁNH GIÁ")
    document.add_paragraph("Chỗ này")
    saved = io.BytesIO()
    document.save(saved)
    return saved.getvalue()


def a_workbook() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["Tiêu chí", "Trả lời"])
    book.active.append(["A1", "Chỗ này"])
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


@pytest.mark.parametrize("kind", list(DOCUMENT_TYPES))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    ("make", "part", "old", "new"),
    [
        pytest.param(a_word_file, "word/document.xml", "Chỗ này", "&e;", id="docx"),
        pytest.param(a_workbook, "xl/workbook.xml", 'name="Sheet"', 'name="&e;"', id="xlsx book"),
        pytest.param(
            a_workbook,
            "xl/worksheets/sheet1.xml",
            "</row></sheetData>",
            '<c r="C2" t="str"><v>&e;</v></c></row></sheetData>',
            id="xlsx sheet",
        ),
    ],
)
def test_an_office_file_with_a_document_type_is_not_read(
    catalogue: Catalogue,
    tmp_path: Path,
    kind: str,
    encoding: str,
    make: Callable[[], bytes],
    part: str,
    old: str,
    new: str,
) -> None:
    """No honest Office file has one (ECMA-376, part 2, 8.1.4); the file is a finding, and nothing of it is expanded."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    document_type = DOCUMENT_TYPES[kind].replace("{file}", secret.as_uri())
    hostile = with_entity(make(), part, old, new, document_type, encoding)

    reading = read_form(hostile, media_type_of(hostile), catalogue)

    assert SECRET not in reading.text + "".join(str(one) for one in reading.answers)
    assert "FORM_NOT_READ" in {one.code for one in reading.flaws}


@pytest.mark.parametrize("kind", list(DOCUMENT_TYPES))
def test_a_package_with_a_document_type_is_kept_closed(tmp_path: Path, kind: str) -> None:
    """An edXML package from the export folder is a stranger's XML, too."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    document_type = DOCUMENT_TYPES[kind].replace("{file}", secret.as_uri())
    package = f'<?xml version="1.0"?>{document_type}<edXML><Subject>&e;</Subject></edXML>'.encode()

    unpacked = unpack(package, "x.edxml")

    assert "XML_DTD_REFUSED" in {one.code for one in unpacked.problems}
    assert unpacked.edxml is None
