"""Figures as Vietnamese offices write them, read without guessing: 1.234,5 is one thousand two hundred and a half."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

# Money in dong needs thirteen digits; what is longer was not typed on purpose.
MAX_DIGITS = 18
# With blanks and a unit. Normalising takes the square of the number of marks, and a field may hold a page of them.
MAX_FIGURE = 200

_SPACES = re.compile(r"[\s\u00a0\u2007\u2009\u202f']+")
# Figures, then perhaps a unit in words ("5 phần mềm"); a percent sign is a different question's answer.
_FIGURE = re.compile(r"([+-]?[0-9][0-9.,]*)([^\W\d_]*)")
_DOT_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?")
_COMMA_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3}){2,}(?:\.\d+)?|\d{1,3}(?:,\d{3})+\.\d+")
_PLAIN = re.compile(r"\d+(?:[.,]\d+)?")


def parse_number(text: str) -> Decimal | None:
    """
    Return the figure in `text`, None if there is none or it may be read in two ways.

    A dot before exactly three figures parts thousands, a comma parts decimals (the Vietnamese way). What can only be
    English ("1,234,567", "1,234.5", "12.5") is read as such. One comma before three figures is a decimal comma; whether
    a fraction makes sense there is the caller's question. A unit in words may follow. Negative figures are returned.
    """
    if len(text) > MAX_FIGURE:
        return None
    squeezed = _SPACES.sub("", unicodedata.normalize("NFKC", text)).rstrip(".")
    found = _FIGURE.fullmatch(squeezed)
    if found is None:
        return None
    figure = found[1].lstrip("+")
    sign = -1 if figure.startswith("-") else 1
    figure = figure.lstrip("-")
    if len(figure) > MAX_DIGITS and sum(one.isdigit() for one in figure) > MAX_DIGITS:
        return None
    if _DOT_THOUSANDS.fullmatch(figure):
        figure = figure.replace(".", "").replace(",", ".")
    elif _COMMA_THOUSANDS.fullmatch(figure):
        figure = figure.replace(",", "")
    elif _PLAIN.fullmatch(figure):
        figure = figure.replace(",", ".")
    else:
        return None
    return sign * Decimal(figure)


def format_number(value: Decimal) -> str:
    """Return `value` as a Vietnamese office writes it: dots between thousands, a comma before decimals."""
    whole, _, fraction = f"{value:f}".partition(".")
    grouped = f"{int(whole):,}".replace(",", ".")
    if whole.startswith("-") and int(whole) == 0:
        grouped = "-" + grouped
    fraction = fraction.rstrip("0")
    return f"{grouped},{fraction}" if fraction else grouped
