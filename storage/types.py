"""How a value of ours becomes a column that is the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Dialect, Numeric, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine

# Numbers with more digits than this before or after the point are no answer to any criterion, and PostgreSQL's
# NUMERIC ends at 131,072 digits: a form that says 1E+999999 must not stop the ledger.
MAX_NUMBER_DIGITS = 30

# A label (subject, name, address) longer than this is cut: it is for reading, the bytes are in the vault.
MAX_LABEL_CHARACTERS = 1000

_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED = "json:"


class UtcTime(TypeDecorator[datetime]):
    """
    An aware moment, kept in UTC: `timestamptz` on PostgreSQL, on SQLite RFC 3339 text of fixed width.

    The fixed width (microseconds always written) makes text order the order of time.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"no time zone on {value!r}")
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else utc_text(moment)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return moment.astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text for reading: what no database can hold (NUL, lone surrogates) is shown by a substitute."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else clean(value)


class Exactly(TypeDecorator[str]):
    """Text that identifies: whatever a file system or server made of it comes back character for character."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if "\0" in value or _SURROGATE.search(value) or value.startswith(_ESCAPED):
            return _ESCAPED + json.dumps(value)
        return value

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        if value is not None and value.startswith(_ESCAPED):
            return str(json.loads(value.removeprefix(_ESCAPED)))
        return value


class Json(TypeDecorator[Any]):
    """JSON kept as canonical text (see `canonical`), so that both databases give back the same bytes to be hashed."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        spelled = canonical(value)
        if "\\ud" in spelled or "\\u0000" in spelled:
            return canonical(tidy(value))
        return spelled

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


class Number(TypeDecorator[Decimal]):
    """An exact decimal number: NUMERIC on PostgreSQL, plain decimal text on SQLite (whose REAL would round it)."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Numeric() if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if not fits(value):
            raise ValueError("a number outside what the store holds")
        return value if dialect.name == "postgresql" else plain(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(plain(Decimal(value)))


def utc_text(moment: datetime) -> str:
    """Return an aware moment as RFC 3339 text in UTC with microseconds: the spelling that the log is hashed over."""
    if moment.tzinfo is None:
        raise ValueError(f"no time zone on {moment!r}")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def canonical(value: Any) -> str:
    """
    Return JSON of which there is only one spelling: sorted keys, no spaces, ASCII only.

    ASCII escapes keep NUL and lone surrogates, which hostile names contain, out of the database's sight and
    the hash the same everywhere (the aim of RFC 8785, with Python's own float spelling).
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=_spell)


def tidy(value: Any) -> Any:
    """Return a JSON-ready value with every text in it cleaned: what comes out again must be printable."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(key): tidy(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(one) for one in value]
    return value


def _spell(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return utc_text(value)
    raise TypeError(f"{type(value).__name__} has no place in the ledger's JSON")


def clean(text: str) -> str:
    """Return `text` with what no database can hold made visible: NUL as ␀ (U+2400), a lone surrogate as U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "␀")
    if not text.isascii():
        text = _SURROGATE.sub("\ufffd", text)
    return text


def label(text: str) -> str:
    """Return `text` cleaned and, where it is unreasonably long, cut with a mark."""
    return clean(text if len(text) <= MAX_LABEL_CHARACTERS else text[: MAX_LABEL_CHARACTERS - 1] + "…")


def fits(value: Decimal) -> bool:
    """Whether the store holds this number: finite, and neither enormous nor endlessly fine."""
    if not value.is_finite():
        return False
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent >= -MAX_NUMBER_DIGITS and value.adjusted() <= MAX_NUMBER_DIGITS


def plain(value: Decimal) -> str:
    """Return a number in its one plain spelling: no exponent, no trailing zeros, no minus before zero."""
    if value == 0:
        return "0"
    spelled = format(value, "f")
    return spelled.rstrip("0").rstrip(".") if "." in spelled else spelled
