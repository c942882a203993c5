"""The container in which files that belong together travel."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.sources.bundles import INDEX_NAME, BundleFile, ContentChanged, write_bundle
from tests.makers_sources import Sink

AT = datetime(2019, 9, 12, 3, 0, 0, 123456, tzinfo=UTC)


def a_file(name: str, data: bytes, *, claimed: bytes | None = None) -> BundleFile:
    told = data if claimed is None else claimed

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(data), 7):
            yield data[start : start + 7]

    return BundleFile(name, len(told), hashlib.sha256(told).hexdigest(), AT, chunks)


def bundled(files: list[BundleFile], *, with_content: bool = True) -> bytes:
    sink = Sink()
    write_bundle(sink, "bare", "2019/phiếu.pdf", files, with_content=with_content)
    return bytes(sink.data)


@given(st.dictionaries(st.sampled_from(["a.pdf", "b/c.docx", "phiếu.pdf", "x.p7s"]), st.binary(max_size=60)))
def test_a_bundle_gives_back_what_was_put_in_index_first(contents: dict[str, bytes]) -> None:
    """In the order given, with size, digest and time of each."""
    with zipfile.ZipFile(io.BytesIO(bundled([a_file(name, data) for name, data in contents.items()]))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [INDEX_NAME, *contents]
        assert {name: archive.read(name) for name in contents} == contents
        index = json.loads(archive.read(INDEX_NAME))
    assert (index["schema"], index["kind"], index["path"]) == ("intake-bundle/1", "bare", "2019/phiếu.pdf")
    assert [(one["name"], one["size"], one["sha256"]) for one in index["files"]] == [
        (name, len(data), hashlib.sha256(data).hexdigest()) for name, data in contents.items()
    ]
    assert all(one["mtime"] == "2019-09-12T03:00:00.123456+00:00" for one in index["files"])


def test_the_same_files_make_the_same_bytes() -> None:
    """Neither the hour nor the machine stands in it."""
    files = [a_file("a.pdf", b"one"), a_file("a.pdf.p7s", b"two")]
    assert hashlib.sha256(bundled(files)).hexdigest() == (
        "76d6fe9a28bf32b0ef5a705b39a0e27c5f25cc67a6a455ef6ae9ddf649b24e93"
    )


def test_two_files_of_one_name_are_kept_apart() -> None:
    """Two names may be one in NFC, and a file may bear the index's own name."""
    files = [a_file("a.pdf", b"1"), a_file("a.pdf", b"2"), a_file("b/a.pdf", b"3"), a_file(INDEX_NAME, b"4")]
    with zipfile.ZipFile(io.BytesIO(bundled(files))) as archive:
        names = archive.namelist()
        assert names == [INDEX_NAME, "a.pdf", "a (2).pdf", "b/a.pdf", "intake-bundle (2).json"]
        assert [archive.read(name) for name in names[1:]] == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("now", [b"", b"shorte", b"much longer than it was", b"another"])
def test_a_file_that_changed_since_the_listing_is_noticed(now: bytes) -> None:
    """Its digest was promised in the index before its bytes were read."""
    with pytest.raises(ContentChanged):
        bundled([a_file("a.pdf", now, claimed=b"shorter")])


def test_without_content_only_the_index_is_written() -> None:
    """For a group that is too large to be stored."""
    with zipfile.ZipFile(io.BytesIO(bundled([a_file("a.pdf", b"1")], with_content=False))) as archive:
        assert archive.namelist() == [INDEX_NAME]
        assert json.loads(archive.read(INDEX_NAME))["files"][0]["name"] == "a.pdf"
