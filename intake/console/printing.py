"""Templates and what they may use: every text they print is made visible and escaped, every time is the office's."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from config.reasons import explain, in_english, recall
from intake.console import showing, words
from intake.console.desk import Desk
from intake.console.icons import icon

STATIC = {
    "console.css": "text/css; charset=utf-8",
    "keys.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
}


def _said(words: str | None) -> str:
    """Return what stands in a place that holds either a code of ours, with or without facts, or another's words."""
    told = recall(words)
    return f"{told.vi} {told.do_vi}" if told.code and told.code != words else told.vi or told.en


def static_files() -> dict[str, bytes]:
    """Return the few files that browsers load besides pages, by name."""
    folder = files("intake.console").joinpath("static")
    return {name: folder.joinpath(name).read_bytes() for name in STATIC}


def environment(desk: Desk) -> Environment:
    """
    Return the templates' environment for this office.

    Autoescape is on for all, an unknown name is an error and not an empty string, and `finalize` makes control and
    bidirectional characters visible in whatever is printed, so that no template can forget it.
    """
    zone = desk.zone
    made = Environment(
        loader=PackageLoader("intake.console"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=showing.finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "moment": lambda value: showing.moment(value, zone),
        "short_moment": lambda value: showing.short_moment(value, zone),
        "exact_moment": lambda value: showing.exact_moment(value, zone),
        "machine_moment": lambda value: showing.machine_moment(value, zone),
        "written_moment": lambda text: showing.written_moment(text, zone),
        "day": showing.day,
        "size": showing.size,
        "number": showing.number,
        "digest": showing.digest,
    }
    made.globals |= {
        "icon": icon,
        "explain": explain,
        "in_english": in_english,
        "until": showing.until,
        "ago": showing.ago,
        "span": showing.span,
        "state_word": lambda key: words.word(words.STATES, key),
        "time_word": lambda key: words.word(words.TIMELINESS, key),
        "signature_word": lambda key: words.word(words.SIGNATURES, key),
        "channel_word": lambda key: words.word(words.CHANNELS, key),
        "letter_word": lambda key: words.word(words.LETTER_STATES, key),
        "letter_kind": lambda key: words.word(words.LETTER_KINDS, key),
        "role_words": lambda key: words.ROLES.get(key, str(key)),
        "witness_words": lambda key: words.WITNESSES.get(key, key),
        "signature_of": words.signature_word,
        "health_name": words.health_name,
        "said": _said,
        "event_words": lambda key: words.EVENTS.get(key, key),
        "file_role": lambda key: words.FILE_ROLES.get(key, key),
        "office": desk.office_name,
        "demonstration": desk.demonstration,
        "zone_words": str(zone),
        "shortcuts": words.SHORTCUTS,
        "version_of": {name: hashlib.sha256(data).hexdigest()[:12] for name, data in static_files().items()},
    }
    return made
