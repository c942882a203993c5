"""A vault in an object store (S3 and what speaks like it), for offices with several machines."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import IO, TYPE_CHECKING, BinaryIO, TypeVar, cast

from storage.vault import CHUNK_BYTES, Stored, Vault, VaultBatch, VaultError, VaultWriter, checked_digest

if TYPE_CHECKING:
    from obstore.store import ObjectStore

T = TypeVar("T")

# A blob up to this size waits in memory while it is hashed, a larger one in a temporary file.
SPOOL_BYTES = 1024 * 1024

# Each request may take so long, and is repeated within this time, before the vault is told to be unreachable.
REQUEST_TIMEOUT = timedelta(seconds=60)
RETRY_TIMEOUT = timedelta(seconds=120)


def open_object_vault(url: str) -> Vault:
    """
    Open the vault at `s3://bucket/prefix`; region, endpoint and credentials come from AWS_* in the environment.

    Raises VaultError where the library (the extra `s3`) is not installed or the URL is not understood.
    """
    try:
        # An extra of the package: offices with one machine need it not.
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError as cause:
        raise VaultError("S3_NOT_INSTALLED") from cause
    try:
        store = from_url(
            url,
            client_options={"timeout": REQUEST_TIMEOUT, "allow_http": True},
            retry_config={"retry_timeout": RETRY_TIMEOUT},
        )
    except (BaseError, ValueError, TypeError) as cause:
        raise VaultError("VAULT_URL_NOT_USABLE", why=cause) from cause
    return ObjectVault(store)


class ObjectVault(Vault):
    """
    Blobs as objects `ab/cd/abcd…`; a `put` that the store has confirmed is durable.

    Bytes are hashed here before they go out, so an object is under its true digest or not there at all.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def writing(self) -> VaultWriter:
        return _ObjectWriter(self)

    def batch(self) -> VaultBatch:
        return _ObjectBatch(self)

    def open(self, sha256: str) -> BinaryIO:
        import obstore

        path = _path(sha256)

        def fetch() -> BinaryIO:
            spool = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
            for chunk in obstore.get(self._store, path).stream(min_chunk_size=CHUNK_BYTES):
                spool.write(bytes(chunk))
            spool.seek(0)
            return cast(BinaryIO, spool)

        try:
            return _told(fetch, f"the stored file {sha256} cannot be had")
        except FileNotFoundError as cause:
            raise VaultError("VAULT_LACKS_FILE", sha256=sha256) from cause

    def size(self, sha256: str) -> int | None:
        import obstore

        path = _path(sha256)
        try:
            return _told(lambda: obstore.head(self._store, path)["size"], f"{sha256} cannot be looked at")
        except FileNotFoundError:
            return None

    def digests(self) -> Iterator[str]:
        import obstore

        pages = obstore.list(self._store, chunk_size=1000)
        while True:
            page = _told(lambda: next(pages, None), "the vault cannot be listed")
            if page is None:
                return
            for one in page:
                name = one["path"].rpartition("/")[2]
                try:
                    yield checked_digest(name)
                except ValueError:
                    continue  # Somebody else's object in our bucket.

    def free_bytes(self) -> int | None:
        return None

    def adopt(self, spool: IO[bytes], stored: Stored) -> None:
        """Put hashed bytes in their place, unless they are there intact."""
        import obstore

        if self.size(stored.sha256) == stored.size and self.holds_intact(stored.sha256):
            return
        spool.seek(0)
        _told(lambda: obstore.put(self._store, _path(stored.sha256), spool), "the vault cannot take a file")


class _ObjectWriter(VaultWriter):
    """Bytes on their way, hashed as they come; they go out at `commit`."""

    def __init__(self, vault: ObjectVault) -> None:
        self._vault = vault
        self._hasher = hashlib.sha256()
        self._size = 0
        self._spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 (closed by discard)

    def write(self, data: bytes, /) -> int:
        self._spool.write(data)
        self._hasher.update(data)
        self._size += len(data)
        return len(data)

    def commit(self) -> Stored:
        stored = Stored(self._hasher.hexdigest(), self._size)
        self._vault.adopt(self._spool, stored)
        return stored

    def discard(self) -> None:
        self._spool.close()


class _ObjectBatch(VaultBatch):
    """Objects that the store confirms one by one: nothing is left to be done together."""

    def __init__(self, vault: ObjectVault) -> None:
        self._vault = vault

    def writing(self) -> VaultWriter:
        return self._vault.writing()

    def commit(self) -> None:
        return

    def discard(self) -> None:
        return


def _path(sha256: str) -> str:
    digest = checked_digest(sha256)
    return f"{digest[:2]}/{digest[2:4]}/{digest}"


def _told(call: Callable[[], T], what: str) -> T:
    """Call the library and say in words what the store did; a missing object stays a FileNotFoundError."""
    from obstore.exceptions import BaseError

    try:
        return call()
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as cause:
        raise VaultError("VAULT_STORE_AWAY", what=what, why=str(cause).splitlines()[0]) from cause
