"""Unpacks the compressed parts of a PDF that a verification needs (tables, object streams, certificates), in limits."""

from __future__ import annotations

import base64
import re
import zlib
from itertools import accumulate

from signatures.formats.pdf_objects import Dictionary, Name, PdfSyntaxError, Value, hex_string


class TooCostly(Exception):
    """A limit was reached: the file asks for more work than any lawful document does."""


# The tables and object streams of a 12 MB file decode to about 5 MB. A deflate bomb reaches a thousandfold.
MAX_DECODED_BYTES = 96 * 1024 * 1024
# Lawful streams have one filter, seldom two; a long row of filters only multiplies the work.
MAX_FILTERS = 4


class Budget:
    """What one file may still decode, in bytes."""

    __slots__ = ("left",)

    def __init__(self, left: int = MAX_DECODED_BYTES) -> None:
        self.left = left

    def spend(self, size: int) -> None:
        """Count `size` bytes; TooCostly when the file has used up its share."""
        self.left -= size
        if self.left < 0:
            raise TooCostly(f"more than {MAX_DECODED_BYTES} decoded bytes")


def decode(raw: bytes, filters: Value, parameters: Value, budget: Budget) -> bytes:
    """
    Return `raw` with the stream's filters undone; PdfSyntaxError for broken data or a filter not needed here.

    Image filters are left alone: no signature rests on them. TooCostly beyond the budget.
    """
    names = filters if isinstance(filters, list) else [] if filters is None else [filters]
    settings = parameters if isinstance(parameters, list) else [parameters]
    if len(names) > MAX_FILTERS:
        raise TooCostly(f"more than {MAX_FILTERS} filters on one stream")
    data = raw
    for index, name in enumerate(names):
        setting = settings[index] if index < len(settings) else None
        data = _undo(name, data, budget)
        budget.spend(len(data))
        if isinstance(setting, Dictionary):
            data = _unpredict(data, setting)
    return data


def _undo(name: Value, data: bytes, budget: Budget) -> bytes:
    if not isinstance(name, Name):
        raise PdfSyntaxError("a filter without a name")
    if name in ("FlateDecode", "Fl"):
        return _inflate(data, budget.left)
    if name in ("ASCIIHexDecode", "AHx"):
        return hex_string(data.split(b">", 1)[0])
    if name in ("ASCII85Decode", "A85"):
        body = data.split(b"~>", 1)[0].replace(b"<~", b"")
        try:
            return base64.a85decode(re.sub(rb"[\x00\s]", b"", body))
        except ValueError as cause:
            raise PdfSyntaxError("broken ASCII85 data") from cause
    if name == "Crypt":
        return data
    raise PdfSyntaxError(f"the filter {name} is not read here")


def _inflate(data: bytes, limit: int) -> bytes:
    for window in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
        engine = zlib.decompressobj(window)
        try:
            decoded = engine.decompress(data, limit + 1)
        except zlib.error:
            continue
        if len(decoded) > limit:
            raise TooCostly(f"a stream decodes to more than {limit} bytes")
        return decoded
    # A damaged tail still yields its beginning in every reader.
    engine = zlib.decompressobj()
    pieces = bytearray()
    try:
        for start in range(0, len(data), 256):
            pieces += engine.decompress(data[start : start + 256], limit + 1 - len(pieces))
            if len(pieces) > limit:
                raise TooCostly(f"a stream decodes to more than {limit} bytes")
    except zlib.error:
        pass
    if not pieces:
        raise PdfSyntaxError("broken deflate data")
    return bytes(pieces)


def _whole(value: Value, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _unpredict(data: bytes, setting: Dictionary) -> bytes:
    """Undo the predictor (ISO 32000-1, 7.4.4.4); only byte-wide samples occur in tables and object streams."""
    predictor = _whole(setting.get("Predictor"), 1)
    if predictor <= 1:
        return data
    colors = _whole(setting.get("Colors"), 1)
    bits = _whole(setting.get("BitsPerComponent"), 8)
    columns = _whole(setting.get("Columns"), 1)
    width = (colors * bits * columns + 7) // 8
    step = max(1, colors * bits // 8)
    if not 0 < width <= 1_000_000:
        raise PdfSyntaxError("an absurd row width")
    if predictor == 2:
        if bits != 8:
            raise PdfSyntaxError("a predictor of other than byte-wide samples")
        rows = [data[start : start + width] for start in range(0, len(data), width)]
        return b"".join(_sub(row, step) for row in rows)
    stride = width + 1
    kinds = set(data[::stride])
    if kinds == {2}:
        # Every row is the difference to the row above: the columns can be summed at one go.
        rows_count = len(data) // stride
        whole = data[: rows_count * stride]
        result = bytearray(rows_count * width)
        for column in range(width):
            result[column::width] = bytes(value & 255 for value in accumulate(whole[column + 1 :: stride]))
        return bytes(result)
    result = bytearray()
    above = bytes(width)
    for start in range(0, len(data), stride):
        row = data[start + 1 : start + stride]
        if not row:
            break
        row = row.ljust(width, b"\x00")
        above = _png_row(data[start], row, above, step)
        result += above
    return bytes(result)


def _sub(row: bytes, step: int) -> bytes:
    result = bytearray(len(row))
    for index, value in enumerate(row):
        result[index] = (value + (result[index - step] if index >= step else 0)) & 255
    return bytes(result)


def _png_row(kind: int, row: bytes, above: bytes, step: int) -> bytes:
    if kind == 0:
        return row
    if kind == 1:
        return _sub(row, step)
    if kind == 2:
        return bytes((mine + upper) & 255 for mine, upper in zip(row, above, strict=True))
    result = bytearray(len(row))
    for index, value in enumerate(row):
        left = result[index - step] if index >= step else 0
        upper = above[index]
        if kind == 3:
            guess = (left + upper) // 2
        elif kind == 4:
            corner = above[index - step] if index >= step else 0
            estimate = left + upper - corner
            distances = abs(estimate - left), abs(estimate - upper), abs(estimate - corner)
            guess = (left, upper, corner)[distances.index(min(distances))]
        else:
            raise PdfSyntaxError("an unknown row predictor")
        result[index] = (value + guess) & 255
    return bytes(result)
