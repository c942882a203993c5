"""A vault in an object store keeps the same promises as one in a folder."""

from __future__ import annotations

import hashlib
import os

import pytest
from obstore import put
from obstore.store import LocalStore, MemoryStore

from storage.object_vault import SPOOL_BYTES, ObjectVault
from storage.vault import Stored, Vault, VaultError
from tests.makers_storage import digest_of


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: object) -> MemoryStore | LocalStore:
    """An object store of the library's own, without a network."""
    return MemoryStore() if request.param == "memory" else LocalStore(str(tmp_path))


@pytest.mark.parametrize("size", [0, 1, SPOOL_BYTES, SPOOL_BYTES + 1, 12 * 1024 * 1024])
def test_what_was_written_comes_back_whole(store: MemoryStore, size: int) -> None:
    """Small and large, in pieces, under the digest of all of it."""
    vault = ObjectVault(store)
    data = os.urandom(size)
    with vault.writing() as writer:
        for start in range(0, size, 700_000):
            writer.write(data[start : start + 700_000])
        stored = writer.commit()

    assert stored == Stored(hashlib.sha256(data).hexdigest(), size)
    assert vault.read(stored.sha256) == data
    assert vault.size(stored.sha256) == size
    assert list(vault.digests()) == [stored.sha256]


def test_bytes_that_were_not_committed_are_nowhere(store: MemoryStore) -> None:
    """Nothing goes out before the digest is known."""
    vault = ObjectVault(store)
    with vault.writing() as writer:
        writer.write(b"half")

    assert list(vault.digests()) == []


def test_a_damaged_object_is_found_and_healed_by_the_same_bytes(store: MemoryStore) -> None:
    """An object that somebody overwrote is not believed."""
    vault = ObjectVault(store)
    digest = vault.put(b"form").sha256
    put(store, f"{digest[:2]}/{digest[2:4]}/{digest}", b"farm")

    assert not vault.holds_intact(digest)
    with pytest.raises(VaultError, match="no longer match"):
        vault.read(digest)
    vault.put(b"form")

    assert vault.read(digest) == b"form"


def test_what_is_missing_says_so(store: MemoryStore) -> None:
    """Missing bytes are an error with a remedy; another's object in the bucket is not ours."""
    vault = ObjectVault(store)
    put(store, "readme.txt", b"x")

    with pytest.raises(VaultError, match="does not hold"):
        vault.read(digest_of("form"))
    assert vault.size(digest_of("form")) is None
    assert not vault.holds_intact(digest_of("form"))
    assert list(vault.digests()) == []
    with pytest.raises(ValueError, match="SHA-256"):
        vault.read("../x")


def test_a_store_that_cannot_be_reached_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens: the remedy names the variables that lead there."""
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "rất-bí-mật")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setattr("storage.object_vault.RETRY_TIMEOUT", __import__("datetime").timedelta(seconds=1))
    vault = Vault.at("s3://bucket/prefix")

    with pytest.raises(VaultError) as error:
        vault.put(b"form")

    assert "AWS_ENDPOINT" in error.value.remedy
    assert "rất-bí-mật" not in str(error.value)
