"""The icons that stand beside words; drawn here as plain lines, so that no font and no foreign file is needed."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

# Paths on a 24 by 24 grid, stroked with the colour of the text beside them.
_PATHS: Mapping[str, str] = {
    "check": "M4 12.5l5 5L20 6.5",
    "cross": "M6 6l12 12M18 6L6 18",
    "question": "M9 9a3 3 0 1 1 4.2 2.8c-.8.4-1.2.9-1.2 1.7v.5M12 17.5v.01M12 2.5a9.5 9.5 0 1 1 0 19a9.5 9.5 0 0 1 0-19"
    "z",
    "alert": "M12 4L2.5 20h19L12 4zM12 10v4.5M12 17.3v.01",
    "clock": "M12 2.5a9.5 9.5 0 1 1 0 19a9.5 9.5 0 0 1 0-19zM12 7v5l3.5 2",
    "hand": "M8 12V5.5a1.5 1.5 0 0 1 3 0V11M11 11V4a1.5 1.5 0 0 1 3 0v7M14 11V5.5a1.5 1.5 0 0 1 3 0V14"
    "c0 4-2 7-6 7c-3 0-4.5-1.5-6-4.5l-1.5-3a1.5 1.5 0 0 1 2.5-1.5L8 14",
    "back": "M9 6L3.5 11.5L9 17M3.5 11.5H15a5 5 0 0 1 0 10h-2",
    "link": "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7l-1.5 1.5M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7l1.5-1.5",
    "aside": "M4 5h16v5H4zM6 10v9h12v-9M10 14h4",
    "minus": "M12 2.5a9.5 9.5 0 1 1 0 19a9.5 9.5 0 0 1 0-19zM7.5 12h9",
    "empty": "M12 4.5a7.5 7.5 0 1 1 0 15a7.5 7.5 0 0 1 0-15z",
    "mail": "M3 5.5h18v13H3zM3.5 6l8.5 7l8.5-7",
    "folder": "M3 6h6l2 2.5h10V19H3z",
    "book": "M5 4h11a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3V4zM5 17a3 3 0 0 1 3-3h11",
    "board": "M4 4.5h16v15H4zM4 9.5h16M9.5 9.5v10",
    "calendar": "M4 6h16v14H4zM4 10.5h16M8.5 3.5v4M15.5 3.5v4",
    "pulse": "M3 12h4l3-7l4 14l3-7h4",
    "people": "M9 11a3.5 3.5 0 1 1 0-7a3.5 3.5 0 0 1 0 7zM2.5 20c0-4 3-6 6.5-6s6.5 2 6.5 6"
    "M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14.5c2 .8 3.5 2.5 3.5 5.5",
    "tray": "M4 4.5h16l1 9.5v6H3v-6zM3.5 14H8l1.5 2.5h5L16 14h4.5",
    "file": "M6 3h8l4.5 4.5V21H6zM14 3v5h4.5",
    "down": "M12 4v11M7 11l5 5l5-5M5 20h14",
    "search": "M10.5 4a6.5 6.5 0 1 1 0 13a6.5 6.5 0 0 1 0-13zM15.5 15.5L21 21",
    "print": "M7 9V3.5h10V9M7 17H4V9h16v8h-3M7 14h10v6.5H7z",
    "left": "M15 5l-7 7l7 7",
    "right": "M9 5l7 7l-7 7",
    "compare": "M3.5 4.5h7v15h-7zM13.5 4.5h7v15h-7zM15.5 12.5h3v3.5h-3z",
    "sample": "M9 3v6l-5 9a2 2 0 0 0 2 3h12a2 2 0 0 0 2-3l-5-9V3M8 3h8M7 15h10",
}


def icon(name: str) -> Markup:
    """Return the drawing of `name`; it is hidden from screen readers, because the words beside it say the same."""
    path = _PATHS[name]
    return Markup(
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="{}"/></svg>'
    ).format(path)
