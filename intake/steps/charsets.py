"""Turn bytes into letters: what the sender called them, what they must be, and the old Vietnamese ways of writing."""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

LegacyFont = Literal["TCVN3", "VNI"]

# A name or subject is short; recognising an old encoding looks at no more than this many characters.
MAX_RECOGNISED_CHARACTERS = 4_000

# RFC 1456: the letters of VISCII from 0x80; six more stand among the control characters.
_VISCII_HIGH = (
    "ẠẮẰẶẤẦẨẬẼẸẾỀỂỄỆỐỒỔỖỘỢỚỜỞỊỎỌỈỦŨỤỲÕắằặấầẩậẽẹếềểễệốồổỗỠƠộờởịỰỨỪỬơớƯ"
    "ÀÁÂÃẢĂẳẵÈÉÊẺÌÍĨỳĐứÒÓÔạỷừửÙÚỹỵÝỡưàáâãảăữẫèéêẻìíĩỉđựòóôõỏọụùúũủýợỮ"
)
_VISCII_LOW = {0x02: "Ẳ", 0x05: "Ẵ", 0x06: "Ẫ", 0x14: "Ỷ", 0x19: "Ỹ", 0x1E: "Ỵ"}
_VISCII = "".join(_VISCII_LOW.get(code, chr(code)) for code in range(128)) + _VISCII_HIGH


def _table(codec: str) -> str:
    """Return the 256 letters of a single-byte codec; a byte without one gives its Latin-1 control character."""
    return "".join(bytes((code,)).decode(codec, "ignore") or chr(code) for code in range(256))


_WESTERN = _table("cp1252")
_VIETNAMESE = _table("cp1258")

# TCVN3 ("ABC" fonts): each letter is one character of windows-1252. Capitals with a tone do not exist in it.
_TCVN3 = dict(
    zip(
        "µ¸¶·¹¨»¾¼½Æ©ÇÊÈÉË®ÌÐÎÏÑªÒÕÓÔÖ×ÝØÜÞßãáâä«åèæçé¬êíëìîïóñòô\u00adõøö÷ùúýûüþ¡¢§£¤¥¦",
        "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵĂÂĐÊÔƠƯ",
        strict=True,
    )
)

# VNI-Windows: a base letter and, mostly, a second character that carries the mark.
_VNI_MARKS = {
    "a": dict(zip("ùøûõïâáàåãäêéèúüë", "áàảãạâấầẩẫậăắằẳẵặ", strict=True)),
    "e": dict(zip("ùøûõïâáàåãä", "éèẻẽẹêếềểễệ", strict=True)),
    "o": dict(zip("ùøûõïâáàåãä", "óòỏõọôốồổỗộ", strict=True)),
    "u": dict(zip("ùøûõï", "úùủũụ", strict=True)),
    "y": dict(zip("ùøûõ", "ýỳỷỹ", strict=True)),
    "ô": dict(zip("ùøûõï", "ớờởỡợ", strict=True)),
    "ö": dict(zip("ùøûõï", "ứừửữự", strict=True)),
}
_VNI_ALONE = dict(zip("íìæóòîñôö", "íìỉĩịỵđơư", strict=True))

# The labels that mail programs write and Python does not know, and the safe reading of some that it does:
# by the WHATWG Encoding Standard, Latin-1 and ASCII labels mean windows-1252.
_ALIASES = {
    "ascii": "windows-1252",
    "us-ascii": "windows-1252",
    "ansi_x3.4-1968": "windows-1252",
    "iso-8859-1": "windows-1252",
    "iso8859-1": "windows-1252",
    "latin1": "windows-1252",
    "8bit": "windows-1252",
    "x-unknown": "windows-1252",
    "cp-1258": "windows-1258",
    "x-cp1258": "windows-1258",
    "x-windows-1258": "windows-1258",
    "utf8": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "x-mac-roman": "macintosh",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "iso-8859-6-e": "iso-8859-6",
    "windows-31j": "cp932",
    "viscii": "viscii",
    "csviscii": "viscii",
    "x-viscii": "viscii",
    "viscii1.1-1": "viscii",
    "tcvn": "tcvn3",
    "tcvn3": "tcvn3",
    "tcvn-5712": "tcvn3",
    "tcvn5712-1": "tcvn3",
    "x-viet-tcvn5712": "tcvn3",
    "vni": "vni",
    "x-viet-vni": "vni",
}
# Codecs of Python that are no character sets; a label must never reach one of them.
_NOT_CHARSETS = frozenset(
    {
        *(
            "base64",
            "base64_codec",
            "bz2",
            "bz2_codec",
            "charmap",
            "hex",
            "hex_codec",
            "idna",
            "mbcs",
            "oem",
            "punycode",
        ),
        *("quopri", "quopri_codec", "quoted_printable", "raw_unicode_escape", "rot13", "rot_13", "undefined"),
        *("unicode_escape", "uu", "uu_codec", "zip", "zlib", "zlib_codec"),
    }
)

_ONSET = r"(?:ngh|ng|nh|gh|gi|kh|ph|th|tr|ch|qu|b|c|d|đ|g|h|k|l|m|n|p|q|r|s|t|v|x)?"
_NUCLEUS = (
    r"(?:oai|oay|oeo|uây|uôi|uya|uyê|uyu|ươi|ươu|iêu|yêu|ai|ao|au|ay|âu|ây|eo|êu|ia|iê|iu|oa|oă|oe|oi|oo|ôi|ơi|ua|uâ|uă|"
    r"ue|uê|ui|uô|uơ|uy|ưa|ưi|ươ|ưu|yê|a|ă|â|e|ê|i|o|ô|ơ|u|ư|y)"
)
_SYLLABLE = re.compile(f"{_ONSET}{_NUCLEUS}(?:ch|ng|nh|c|m|n|p|t)?")
# Only runs of letters are words; digits, hyphens and dots separate them in a file name.
_WORD = re.compile(r"[^\W\d_]+")
_BETWEEN_WORDS = re.compile(r"[\s0-9_.,;:!?()\[\]{}/\\+&='\"@#%*<>|~^`$-]+")
_TONES = {0x0300, 0x0301, 0x0303, 0x0309, 0x0323}


@dataclass(frozen=True, slots=True)
class Decoded:
    """Letters and how they were got: `charset` is the codec used, `certain` false when some bytes had no letter."""

    text: str
    charset: str
    certain: bool = True


def decode(data: bytes, label: str | None) -> Decoded:
    """
    Decode `data` by the sender's `label`; what does not fit is guessed and never raises.

    A text labelled wrongly or not at all is UTF-8 if it is valid UTF-8, else what `guess` makes of it.
    Sources: RFC 2045 section 2 (labels), WHATWG Encoding Standard section 4.2 (what the labels mean in practice).
    """
    if data.isascii() and b"\x1b" not in data and not _is_wide(label) and b"+" not in data and b"~" not in data:
        return Decoded(data.decode("ascii"), "us-ascii")
    codec = known_codec(label)
    if codec is None:
        return guess(data)
    if codec == "viscii":
        return Decoded(_from_viscii(data), codec)
    if codec == "tcvn3":
        return Decoded(from_tcvn3(_single_bytes(data)), codec)
    if codec == "vni":
        return Decoded(from_vni(_single_bytes(data)), codec)
    if codec == "windows-1252":
        # Programs put UTF-8 under an ASCII or Latin-1 label; text that is valid UTF-8 by chance is very rare.
        try:
            return Decoded(data.decode("utf-8"), "utf-8")
        except UnicodeDecodeError:
            return Decoded(_single_bytes(data), codec, certain=_label_is_ascii(label) is False)
    if codec == "windows-1258":
        return Decoded(_vietnamese_windows(data), codec)
    try:
        return Decoded(data.decode(codec), codec)
    except (UnicodeDecodeError, ValueError, LookupError):
        pass
    if codec != "utf-8":
        return Decoded(data.decode(codec, "replace"), codec, certain=False)
    guessed = guess(data)
    # Labelled UTF-8 with a few broken bytes is still UTF-8; wholly other bytes are another charset.
    broken = data.decode("utf-8", "replace")
    good = sum(1 for letter in broken if ord(letter) > 127 and letter != "\ufffd")
    return Decoded(broken, codec, certain=False) if good >= broken.count("\ufffd") else guessed


def guess(data: bytes) -> Decoded:
    """
    Decode bytes that nobody labelled: UTF-8, else the set under which they read as Vietnamese, else Western.

    A tie goes to windows-1252. Text in TCVN3 or VNI stays as its windows-1252 look; `old_font` says so.
    """
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        pass
    # A sample decides; a long text is then decoded once only.
    sample = data[:MAX_RECOGNISED_CHARACTERS]
    western = _single_bytes(sample)
    best, read_by = "windows-1252", _single_bytes
    # A reading must make Vietnamese of nearly all marked words; one lucky word (`på`) is no evidence.
    best_share = max(0.75, _share(western))
    for name, decoder, text in (
        ("windows-1258", _vietnamese_windows, _vietnamese_windows(sample)),
        ("viscii", _from_viscii, _from_viscii(sample)),
        ("windows-1252", _single_bytes, from_tcvn3(western)),
        ("windows-1252", _single_bytes, from_vni(western)),
    ):
        share = _share(text)
        if share > best_share:
            best, read_by, best_share = name, decoder, share
    return Decoded(read_by(data), best, certain=False)


@lru_cache(maxsize=256)
def known_codec(label: str | None) -> str | None:
    """Return the codec that a charset label means, None for no label or an unknown one."""
    if not label:
        return None
    plain = label.strip().strip("\"'").lower()
    if plain in _ALIASES:
        return _ALIASES[plain]
    if len(plain) > 40 or not re.fullmatch(r"[a-z0-9_.:+()-]+", plain):
        return None
    try:
        name = codecs.lookup(plain).name
    except (LookupError, ValueError):
        return None
    if name.replace("-", "_") in _NOT_CHARSETS or plain.replace("-", "_") in _NOT_CHARSETS:
        return None
    return _ALIASES.get(name, "windows-1258" if name == "cp1258" else name)


def old_font(text: str) -> tuple[LegacyFont, str] | None:
    """
    Recognise text typed for a TCVN3 or VNI font: (which one, the same text in Unicode), else None.

    Such text is Unicode of Western letters that make no sense: `PhiÕu ®¸nh gi¸`, `Phieáu ñaùnh giaù`. It is
    recognised when nearly every marked word becomes a Vietnamese syllable by conversion, and most were none before.
    """
    sample = text[:MAX_RECOGNISED_CHARACTERS]
    if sample.isascii():
        return None
    before, total_before = _syllables(unicodedata.normalize("NFC", sample))
    if total_before == 0 or before * 2 > total_before:
        return None
    best: tuple[LegacyFont, str] | None = None
    best_share = 0.8
    for font, convert in (("TCVN3", from_tcvn3), ("VNI", from_vni)):
        converted = convert(sample)
        if converted == sample:
            continue
        good, total = _syllables(converted)
        share = good / total if total else 0.0
        if share >= best_share and good > before:
            best_share = share + 0.0001
            best = ("TCVN3" if font == "TCVN3" else "VNI", convert(text))
    return best


def from_tcvn3(text: str) -> str:
    """Return TCVN3 text (as windows-1252 shows it) in Unicode; characters outside the font stay."""
    return "".join(_TCVN3.get(letter, letter) for letter in text)


def from_vni(text: str) -> str:
    """Return VNI-Windows text (as windows-1252 shows it) in Unicode; characters outside the font stay."""
    made: list[str] = []
    at, end = 0, len(text)
    while at < end:
        letter = text[at]
        small = letter.lower()
        marks = _VNI_MARKS.get(small)
        mark = marks.get(text[at + 1].lower()) if marks and at + 1 < end else None
        if mark is not None:
            at += 1
        else:
            mark = _VNI_ALONE.get(small)
        at += 1
        if mark is None:
            made.append(letter)
        else:
            made.append(mark.upper() if letter != small else mark)
    return "".join(made)


def _is_wide(label: str | None) -> bool:
    """Tell whether ASCII bytes may mean other letters under `label` (UTF-16, UTF-32)."""
    return bool(label) and str(label).strip().lower().startswith(("utf-16", "utf16", "utf-32", "utf32", "ucs"))


def _label_is_ascii(label: str | None) -> bool:
    return bool(label) and str(label).strip().lower() in ("ascii", "us-ascii", "8bit", "x-unknown")


def _single_bytes(data: bytes) -> str:
    """Read as windows-1252; its five holes become the Latin-1 control characters, as browsers do."""
    return codecs.charmap_decode(data, "strict", _WESTERN)[0]


def _vietnamese_windows(data: bytes) -> str:
    """Read as windows-1258, whose tones follow their vowel: composed to NFC; its holes as in Latin-1."""
    return unicodedata.normalize("NFC", codecs.charmap_decode(data, "strict", _VIETNAMESE)[0])


def _from_viscii(data: bytes) -> str:
    return codecs.charmap_decode(data, "strict", _VISCII)[0]


def _syllables(text: str) -> tuple[int, int]:
    """Count the words with letters beyond ASCII: how many are Vietnamese syllables, and how many there are."""
    good = total = 0
    for word in _legacy_words(text):
        total += 1
        if _is_syllable(word):
            good += 1
    return good, total


def _legacy_words(text: str) -> list[str]:
    """
    Split into words for judging; the symbols that old fonts use as letters count as letters.

    Otherwise `®¸nh` would fall apart into a symbol and a plain word, and hide that it makes no sense.
    """
    return [word for word in _BETWEEN_WORDS.split(text) if word and not word.isascii()]


def _share(text: str) -> float:
    """Score a reading from 0 to 1: the share of its marked words that are Vietnamese syllables."""
    good, total = _syllables(text[:MAX_RECOGNISED_CHARACTERS])
    return good / total if total else 0.0


def _is_syllable(word: str) -> bool:
    """Tell whether `word` can be one Vietnamese syllable: onset, vowels, ending, and at most one tone."""
    if len(word) > 7 or not _WORD.fullmatch(word):
        return False
    if word != word.lower() and word != word.upper() and word[1:] != word[1:].lower():
        return False
    tones = 0
    bare: list[str] = []
    for letter in unicodedata.normalize("NFD", word.lower()):
        if ord(letter) in _TONES:
            tones += 1
        else:
            bare.append(letter)
    return tones <= 1 and _SYLLABLE.fullmatch(unicodedata.normalize("NFC", "".join(bare))) is not None
