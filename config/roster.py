"""The roster: which agencies must submit, by which channel, and by which signs each is known."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from config.settings import SettingsError

COLUMNS = (
    *("id", "name", "block", "channel"),
    *("mailboxes", "organ_ids", "aliases", "certificates"),
    *("valid_from", "valid_to", "successor"),
)
LISTS = ("mailboxes", "organ_ids", "aliases", "certificates")


@dataclass(frozen=True, slots=True)
class Agency:
    """
    One agency that must submit.

    `certificates` are SHA-256 pins (lower-case hex) of its organisation certificates. `valid_from` and
    `valid_to` are days, both included; `successor` is the id of the agency that took its place.
    """

    id: str
    name: str
    channel: Literal["qlvb", "mail"]
    block: str = ""
    mailboxes: tuple[str, ...] = ()
    organ_ids: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_to: date | None = None
    successor: str = ""

    def is_valid_on(self, day: date) -> bool:
        """Whether the agency exists on `day`."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class Roster:
    """Every agency, in the file's order; `sample` says that the list is not official."""

    agencies: tuple[Agency, ...]
    sample: bool = False

    def get(self, agency_id: str | None) -> Agency | None:
        """Return the agency with this id, or None."""
        return next((one for one in self.agencies if one.id == agency_id), None)

    def valid_on(self, day: date) -> tuple[Agency, ...]:
        """Return the agencies that exist on `day`: who must submit, and who can be missing."""
        return tuple(one for one in self.agencies if one.is_valid_on(day))


def load_roster(path: Path) -> Roster:
    """Read a roster from CSV (UTF-8; `,` or `;` between columns), XLSX or TOML; raises SettingsError naming the row."""
    try:
        kind = path.suffix.lower()
        if kind == ".toml":
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
            return roster_of(raw.get("agency", []), path, sample=bool(raw.get("sample", False)))
        if kind == ".xlsx":
            return roster_of(_xlsx_rows(path), path)
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as cause:
        raise SettingsError("ROSTER_MISSING", path=path) from cause
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as cause:
        raise SettingsError("ROSTER_UNREADABLE", path=path, why=cause) from cause
    sample = text.startswith("# SAMPLE")
    body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    head = body.splitlines()[0] if body.strip() else ""
    # Lists inside a cell use ";", so a header without a comma is the only sign of a semicolon file.
    separator = "," if "," in head else ";"
    return roster_of(csv.DictReader(io.StringIO(body), delimiter=separator), path, sample=sample)


def roster_of(rows: Iterable[Mapping[str | None, Any]], path: Path, *, sample: bool = False) -> Roster:
    """Return the roster that `rows` describe; every flaw is named with its row number (the header is row 1)."""
    agencies: list[Agency] = []
    flaws: list[str] = []
    for number, row in enumerate(rows, start=2):
        values = {str(key).strip().lower(): value for key, value in row.items() if key is not None}
        unknown = [key for key in values if key not in COLUMNS and values[key] not in (None, "")]
        if unknown:
            flaws.append(f"row {number}: unknown column {', '.join(unknown)}")
        if not any(value not in (None, "", []) for value in values.values()):
            continue
        try:
            agencies.append(_agency(values))
        except ValueError as cause:
            flaws.append(f"row {number}: {cause}")
    seen: dict[str, str] = {}
    for agency in agencies:
        for sign in (agency.id, *agency.mailboxes, *agency.organ_ids, *agency.certificates):
            if seen.setdefault(sign.casefold(), agency.id) != agency.id:
                flaws.append(f"{sign} belongs to both {seen[sign.casefold()]} and {agency.id}")
    ids = [agency.id for agency in agencies]
    flaws += [f"the id {one} stands twice" for one in sorted(set(ids)) if ids.count(one) > 1]
    flaws += [
        f"{one.id}: successor {one.successor} is not on the roster"
        for one in agencies
        if one.successor and one.successor not in ids
    ]
    if flaws:
        raise SettingsError("ROSTER_ROWS_WRONG", path=path, flaws="; ".join(flaws[:10]))
    if not agencies:
        raise SettingsError("ROSTER_EMPTY", path=path, columns=",".join(COLUMNS))
    return Roster(tuple(agencies), sample)


def write_roster_csv(roster: Roster) -> str:
    """Return the roster as the CSV that `load_roster` reads."""
    out = io.StringIO()
    if roster.sample:
        out.write(
            "# SAMPLE / MẪU MINH HỌA: không phải danh sách chính thức; cơ quan chủ trì phải kiểm tra trước khi dùng.\n"
        )
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in roster.agencies:
        writer.writerow(
            [
                one.id, one.name, one.block, one.channel,
                *(";".join(getattr(one, column)) for column in LISTS),
                one.valid_from or "", one.valid_to or "", one.successor,
            ]
        )  # fmt: skip
    return out.getvalue()


def _agency(values: Mapping[str, Any]) -> Agency:
    """Return the agency of one row; raises ValueError saying what is wrong with it."""

    def text(key: str) -> str:
        value = values.get(key)
        return "" if value is None else str(value).strip()

    def several(key: str) -> tuple[str, ...]:
        value = values.get(key)
        parts = value if isinstance(value, list | tuple) else text(key).split(";")
        return tuple(part for part in (str(one).strip() for one in parts) if part)

    def day(key: str) -> date | None:
        value = text(key)[:10]
        if not value:
            return None
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{key} {value!r} is not a day like 2019-09-15") from None

    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", text("id")):
        raise ValueError(f"id {text('id')!r} must be 1 to 40 letters, digits, dots, - or _")
    if not text("name"):
        raise ValueError(f"{text('id')} has no name")
    channel = text("channel").lower()
    if channel not in ("qlvb", "mail"):
        raise ValueError(f"{text('id')}: channel {channel!r} must be qlvb or mail")
    mailboxes = tuple(one.lower() for one in several("mailboxes"))
    for mailbox in mailboxes:
        if not re.fullmatch(r"[^@\s<>,]+@[^@\s<>,]+", mailbox):
            raise ValueError(f"{text('id')}: mailbox {mailbox!r} is not an address")
    pins = tuple(re.sub(r"[\s:]", "", one).lower() for one in several("certificates"))
    for pin in pins:
        if not re.fullmatch(r"[0-9a-f]{64}", pin):
            raise ValueError(f"{text('id')}: certificate pin {pin!r} is not a SHA-256 in hex")
    return Agency(
        id=text("id"),
        name=text("name"),
        channel="qlvb" if channel == "qlvb" else "mail",
        block=text("block"),
        mailboxes=mailboxes,
        organ_ids=several("organ_ids"),
        aliases=several("aliases"),
        certificates=pins,
        valid_from=day("valid_from"),
        valid_to=day("valid_to"),
        successor=text("successor"),
    )


def _xlsx_rows(path: Path) -> list[dict[str | None, Any]]:
    """Return the first sheet's rows by their header; openpyxl is imported only here, it is slow to import."""
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True, data_only=True)
        rows = list(book.worksheets[0].iter_rows(values_only=True))
    except (InvalidFileException, KeyError, ValueError, IndexError) as cause:
        raise SettingsError("ROSTER_NOT_XLSX", path=path, why=cause) from cause
    if not rows:
        return []
    header = [str(cell or "").strip() for cell in rows[0]]
    return [dict(zip(header, row, strict=False)) for row in rows[1:]]
