"""Opens an encrypted PDF that anyone may read (empty password), so that its signatures can be judged."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.crypt import SecurityHandler, StandardSecurityHandler
from pyhanko.pdf_utils.crypt.api import AuthStatus

from signatures.formats.pdf_objects import Dictionary, Name, Ref, Stream, Value


class Locked(Exception):
    """The file is encrypted for readers who know a password or hold a key."""


class _NoFile:
    """What pyHanko asks of a file while it reads an encryption dictionary that refers to nothing else."""

    strict = False

    def get_object(self, reference: object) -> Any:  # pyHanko's own value, handed straight back
        raise Locked("the encryption dictionary refers elsewhere")


class Decryptor:
    """Decrypts strings and streams of one file under the empty password."""

    def __init__(self, raw: bytes, first_id: bytes) -> None:
        """
        Take the encryption dictionary as it stands in the file (`raw`) and the first file identifier.

        Locked where the empty password does not open it, or where the file asks for a certificate.
        """
        try:
            reference = generic.Reference(0, 0, _NoFile())
            parsed = generic.DictionaryObject.read_from_stream(BytesIO(raw + b" "), reference)
            handler = SecurityHandler.build(parsed)
            if not isinstance(handler, StandardSecurityHandler):
                raise Locked("encrypted for certificates")
            opened = handler.authenticate(b"", id1=first_id).status != AuthStatus.FAILED
        except Locked:
            raise
        # pyHanko answers hostile encryption dictionaries with many kinds of exception: the file stays shut.
        except Exception as cause:
            raise Locked(f"the encryption cannot be read: {type(cause).__name__}") from cause
        if not opened:
            raise Locked("encrypted with a password")
        self._handler = handler
        self._metadata_too = bool(getattr(handler, "encrypt_metadata", True))

    def clear(self, value: Value, owner: Ref) -> Value:
        """Return `value` (an object outside object streams) decrypted; signature contents are never encrypted."""
        if isinstance(value, bytes):
            cipher = self._handler.get_string_filter()
            try:
                return bytes(cipher.decrypt(cipher.derive_object_key(owner.number, owner.generation), value))
            # A string that does not decrypt stays as it is: it is shown, never judged by.
            except Exception:
                return value
        if isinstance(value, list):
            return [self.clear(item, owner) for item in value]
        if isinstance(value, Dictionary):
            return self._clear_dictionary(value, owner)
        if isinstance(value, Stream):
            head = self._clear_dictionary(value.head, owner)
            return Stream(head, value.raw, owner)
        return value

    def _clear_dictionary(self, value: Dictionary, owner: Ref) -> Dictionary:
        result = Dictionary()
        result.start, result.stop, result.spans, result.again = value.start, value.stop, value.spans, value.again
        signature = "ByteRange" in value
        for key, item in value.items():
            # ISO 32000-1, 7.6.1: /Contents of a signature dictionary is left in clear.
            result[key] = item if signature and key == "Contents" else self.clear(item, owner)
        return result

    def stream_bytes(self, stream: Stream) -> bytes:
        """Return the stream's bytes decrypted (still encoded); bytes that do not decrypt raise ValueError."""
        kind = stream.head.get("Type")
        if stream.owner is None or kind == "XRef" or (kind == "Metadata" and not self._metadata_too):
            return stream.raw
        filters = stream.head.get("Filter")
        if filters == "Crypt" or (isinstance(filters, list) and Name("Crypt") in filters):
            # The only named crypt filter in lawful use is Identity, for metadata left readable.
            return stream.raw
        cipher = self._handler.get_stream_filter()
        try:
            key = cipher.derive_object_key(stream.owner.number, stream.owner.generation)
            return bytes(cipher.decrypt(key, stream.raw))
        # As above: a broken stream is the same finding whatever the library calls it.
        except Exception as cause:
            raise ValueError("a stream does not decrypt") from cause
