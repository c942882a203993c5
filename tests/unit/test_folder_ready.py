"""Whether a file says of itself that it is whole."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.sources.folder_ready import TAIL_OCTETS, is_whole

PDF = b"%PDF-1.7\n1 0 obj\n<</A (" + b"x" * 3000 + b")>>\nendobj\n%%EOF\n"
XML = '<?xml version="1.0" encoding="UTF-8"?>\n<e:edXML xmlns:e="x"><e:b>Phiếu</e:b></e:edXML>\n'.encode()
DER = b"\x30\x82\x01\x00" + b"\x05" * 256


def a_zip(comment: bytes = b"") -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("word/document.xml", "<w/>" * 500)
        archive.comment = comment
    return data.getvalue()


def whole(data: bytes) -> bool:
    return is_whole(data[:16], data[-TAIL_OCTETS:], len(data))


@pytest.mark.parametrize("data", [PDF, XML, DER, a_zip(), a_zip(b"a comment of some length")])
def test_a_whole_file_is_whole_and_none_of_its_beginnings_is(data: bytes) -> None:
    """Cut anywhere before its end mark, it is waited for."""
    assert whole(data)
    ends = {length for length in range(1, len(data)) if whole(data[:length])}
    assert not ends or min(ends) >= len(data) - 2  # Only a line end behind the mark may be missing.


@given(st.binary(max_size=500))
def test_any_bytes_get_an_answer(data: bytes) -> None:
    """Hostile input is normal input."""
    assert whole(data) in (True, False)
    assert whole(b"%PDF" + data) == (b"%%EOF" in (b"%PDF" + data)[-1024:])
    assert whole(b"PK\x03\x04" + data) in (True, False)
    assert whole(b"0" + data) in (True, False)
