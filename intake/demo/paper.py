"""Prints the demonstration's papers: the picture of a seal, a scan, letters that are no forms."""

from __future__ import annotations

import typst


def letter(agency_name: str, title: str, text: str) -> bytes:
    """Return a paper that is not a form."""
    return _print(
        f"""
#set page(paper: "a4", margin: 2.2cm)
#set text(lang: "vi", size: 12pt)
*{_safe(agency_name.upper())}*
#v(1em)
#align(center)[*{_safe(title)}*]
{_safe(text)}
"""
    )


def scan() -> bytes:
    """Return a page without a single letter, as a scanner makes it: only a picture, here of grey lines."""
    lines = "\n".join(
        f"#place(dy: {24 * row}pt, line(length: {90 - row % 3 * 13}%, stroke: 5pt + luma(140)))" for row in range(28)
    )
    return _print(f'#set page(paper: "a4", margin: 2.2cm)\n{lines}\n')


def seal_face(name: str, line: str) -> bytes:
    """Return the picture that a seal's signature shows: red, with the agency's name and a line below it."""
    return _print(
        f"""
#set page(width: 190pt, height: 60pt, margin: 3pt, fill: none)
#set text(lang: "vi", size: 7.5pt, fill: red)
#box(width: 100%, height: 100%, stroke: 1.5pt + red, inset: 4pt)[*{_safe(name)}* \\ {_safe(line)} \\ MẪU THỬ NGHIỆM]
"""
    )


def _safe(text: str) -> str:
    """Return text in which nothing is markup."""
    return "".join(f"\\{letter}" if letter in "\\#$*_`<>@[]~=-+/\"'" else letter for letter in text)


def _print(source: str) -> bytes:
    made = typst.compile(source.encode("utf-8"))
    assert isinstance(made, bytes)
    return made
