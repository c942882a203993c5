"""Take the words out of an HTML text, for recognising what a mail is about."""

from __future__ import annotations

import re
from html import unescape

_NEW_LINE_TAGS = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote"})
_SKIPPED = {one: re.compile(f"</{one}", re.IGNORECASE) for one in ("script", "style")}
_TAG_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9]{0,20})")


def text_of_html(html: str) -> str:
    """
    Return the words of an HTML text: no tags, no scripts, entities resolved; for recognising, not for showing.

    One pass: a tag or comment that is never closed ends the text, so that nothing is looked for twice.
    """
    made: list[str] = []
    at = 0
    while (opening := html.find("<", at)) >= 0:
        made.append(html[at:opening])
        name = _TAG_NAME.match(html, opening + 1)
        if html.startswith("<!--", opening):
            closing, skip = html.find("-->", opening + 4), 3
        elif name is not None and name.group().lower() in _SKIPPED:
            ended = _SKIPPED[name.group().lower()].search(html, opening)
            closing, skip = (html.find(">", ended.start()), 1) if ended is not None else (-1, 1)
        elif name is None and not html.startswith(("<!", "<?"), opening):
            made.append("<")
            at = opening + 1
            continue
        else:
            closing, skip = html.find(">", opening), 1
        if name is not None and name.group(1).lower() in _NEW_LINE_TAGS:
            made.append("\n")
        if closing < 0:
            return unescape("".join(made)).strip()
        at = closing + skip
    made.append(html[at:])
    return re.sub(r"[ \t]{2,}", " ", unescape("".join(made))).strip()
