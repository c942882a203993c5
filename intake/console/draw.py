"""Draws one page of a PDF; runs in a worker process with limits, since the file may be hostile."""

from __future__ import annotations

from dataclasses import dataclass

from intake.pictures import CannotDraw, Trouble, draw_sheet, png_of


@dataclass(frozen=True, slots=True)
class DrawTask:
    """Which page to draw, from 1, of which bytes."""

    data: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """The page as PNG and how many pages there are; `png` is empty where `trouble` says why there is none."""

    png: bytes
    pages: int
    trouble: Trouble = ""


def draw(task: DrawTask) -> Drawing:
    """Draw one page; what is wrong with the file is an answer, never an exception."""
    try:
        sheet = draw_sheet(task.data, task.number)
    except CannotDraw as why:
        return Drawing(b"", why.pages, why.trouble)
    return Drawing(png_of(sheet.picture), sheet.pages)
