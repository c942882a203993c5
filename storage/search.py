"""Search as people type in Vietnam: with or without marks, in any case, composed or decomposed."""

from __future__ import annotations

import unicodedata

# What is searched of one delivery; more is the body's business, not the log's.
MAX_SEARCH_CHARACTERS = 4000


def fold(text: str) -> str:
    """
    Return `text` without marks and case: "Phiếu Đánh giá" and "phieu danh gia" become the same.

    đ is a letter of its own in Unicode (no decomposition), so it is named here; spaces are made single.
    """
    if not text.isascii():
        text = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
        text = text.replace("đ", "d").replace("Đ", "d")
    return " ".join(text.casefold().split())


def search_text(*parts: str | None) -> str:
    """Return what a delivery is found by: its parts folded, each once, in order."""
    folded = dict.fromkeys(fold(part[:MAX_SEARCH_CHARACTERS]) for part in parts if part)
    return " | ".join(folded)[:MAX_SEARCH_CHARACTERS]


def like_patterns(words: str) -> list[str]:
    """Return one LIKE pattern for each word searched, with `\\` as the escape character."""
    return [
        "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%" for word in fold(words).split()
    ]
