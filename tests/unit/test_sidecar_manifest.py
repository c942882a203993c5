"""The sidecar of a document folder, as far as bringing the folder reads it."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.sources.manifest import MAX_MANIFEST_OCTETS, ManifestInvalid, NamedFile, read_manifest


def text(**changes: object) -> bytes:
    return json.dumps({"files": [{"name": "a.pdf"}]} | changes, ensure_ascii=False).encode()


def test_a_manifest_says_files_sender_subject_and_moment() -> None:
    """Unknown keys are nobody's business here; a byte order mark neither."""
    read = read_manifest(
        b"\xef\xbb\xbf"
        + text(
            files=[{"name": "phu luc\\a.pdf", "sha256": "AB" * 32, "role": "form"}, {"name": "b.pdf"}],
            sender={"organ_id": " 000.00.12.H11\n", "name": "Sở Nội vụ"},
            subject="Phiếu\r\nđánh giá",
            received_at="2019-09-12T15:04:40+07:00",
            colour="red",
        )
    )
    assert read.files == (NamedFile("phu luc/a.pdf", "ab" * 32), NamedFile("b.pdf", None))
    assert (read.sender, read.subject) == ("000.00.12.H11", "Phiếu đánh giá")
    assert read.received_at == datetime(2019, 9, 12, 8, 4, 40, tzinfo=UTC)


@pytest.mark.parametrize("sender", [None, "x", [], {"organ_id": 5}, {"name": "Sở Nội vụ"}])
def test_a_sender_of_another_shape_is_none(sender: object) -> None:
    """A name stands in where there is no organ id."""
    assert read_manifest(text(sender=sender)).sender in ("", "Sở Nội vụ")


@pytest.mark.parametrize("moment", ["", "yesterday", "2019-09-12T15:04:40", 5, None, "0001-01-01T00:00:00+14:00"])
def test_a_moment_that_is_none_is_left_out(moment: object) -> None:
    """Without a zone nobody can say which moment it is."""
    assert read_manifest(text(received_at=moment)).received_at is None


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../a", "a/../../b", "a//b", ".", "a\0b", "..\\..\\a", 5, None])
def test_a_name_that_leads_out_is_refused(name: object) -> None:
    """No path from outside, ever."""
    with pytest.raises(ManifestInvalid):
        read_manifest(text(files=[{"name": name}]))


@pytest.mark.parametrize("digest", ["", "ab", "zz" * 32, 5, [], "ab" * 33])
def test_a_digest_that_is_none_is_refused(digest: object) -> None:
    """It would prove nothing."""
    with pytest.raises(ManifestInvalid):
        read_manifest(text(files=[{"name": "a", "sha256": digest}]))


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps).map(str.encode)
)
def test_any_bytes_are_a_manifest_or_a_finding(data: bytes) -> None:
    """Never another exception."""
    with contextlib.suppress(ManifestInvalid):
        assert read_manifest(data).files


@pytest.mark.parametrize("data", [b"[" * 200_000, b" " * (MAX_MANIFEST_OCTETS + 1), b'{"files": [' + b"{}," * 9])
def test_deep_and_long_text_is_refused(data: bytes) -> None:
    """A limit on its length, and no recursion that ends the process."""
    with pytest.raises(ManifestInvalid):
        read_manifest(data)
