"""Bytes of a text file to text: the encoding found by evidence, or asked for.

UTF-8 proves itself. Of the many older encodings every one turns almost any bytes into
some text, so that a wrong guess changes names without an error. Each candidate is
therefore judged by the words it makes: letters of one alphabet, no sign inside a word,
capitals where capitals stand. One clear winner is used and named in a note; where two
readings are as good, the file is refused and both are shown.
"""

import codecs
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache

from waistats._caller import option as written
from waistats.errors import DataError, listing

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f-\x84\x86-\x9f]")
_FOREIGN = re.compile(r"[^\x00-\x7f]")

_WEST = (
    "àâæçèéêëîïôœùûüÿ",  # French
    "äöüßéèàç",  # German, Swiss place names included
    "áéíñóúü",  # Spanish
    "àáâãçéêíóôõúü",  # Portuguese
    "àèéìíîòóùú",  # Italian
    "àçèéíïòóúü",  # Catalan
    "åäöéüø",  # Swedish, Finnish
    "æøåéèòôü",  # Danish, Norwegian
    "áéëêíïöóü",  # Dutch
    "áéíóú",  # Irish
    "õäöüšž",  # Estonian
    "áæðéíóöþúý",  # Icelandic
)
# Letters that alone are enough to read a file as Western European.
_COMMON = frozenset("àâäåæçèéëíîñóôöøúüáßÄÅÉÖØÜÀÁ’–—…“”«»°")
# An encoding, what users call it, and the letters of the languages written in it.
_CANDIDATES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("cp1252", "Western European", _WEST),
    ("mac_roman", "Western European, old Macintosh", _WEST),
    ("cp850", "Western European, DOS", _WEST),
    (
        "cp1250",
        "Central European",
        (
            "ąćęłńóśźż",  # Polish
            "áčďéěíňóřšťúůýž",  # Czech
            "áäčďéíĺľňóôŕšťúýž",  # Slovak
            "áéíóöőúüű",  # Hungarian
            "ăâîșțşţ",  # Romanian
            "čćđšž",  # Croatian, Slovene
        ),
    ),
    (
        "cp1251",
        "Cyrillic",
        (
            "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
            "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
            "абвгдђежзијклљмнњопрстћуфхцчџш",
        ),
    ),
    ("koi8-r", "Cyrillic", ("абвгдеёжзийклмнопрстуфхцчшщъыьэюя",)),
    ("cp866", "Cyrillic, DOS", ("абвгдеёжзийклмнопрстуфхцчшщъыьэюя",)),
    ("iso8859-5", "Cyrillic", ("абвгдеёжзийклмнопрстуфхцчшщъыьэюя",)),
    ("mac_cyrillic", "Cyrillic, old Macintosh", ("абвгдеёжзийклмнопрстуфхцчшщъыьэюя",)),
    ("cp1253", "Greek", ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋ",)),
    ("cp1254", "Turkish", ("çğıi̇öşüâîû",)),
    ("cp1257", "Baltic", ("āčēģīķļņšūž", "ąčęėįšųūž")),
    ("cp1255", "Hebrew", ("אבגדהוזחטיךכלםמןנסעףפץצקרשת",)),
    ("cp1256", "Arabic", ("ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيپچژگ",)),
    ("gb18030", "Chinese (GBK)", ()),
    ("big5", "Chinese (Big5)", ()),
    ("shift_jis", "Japanese", ()),
    ("euc_jp", "Japanese", ()),
    ("euc_kr", "Korean", ()),
)
_EAST = frozenset({"gb18030", "big5", "shift_jis", "euc_jp", "euc_kr"})
# Signs of typography that stand beside words in any language.
_TYPOGRAPHY = frozenset("‘’‚“”„–—…•«»‹›€£¥§©®™°±²³µ·×÷¿¡ªº½¼¾ \u00ad´`†‡№‰")
# Read as an apostrophe where it stands between these: don’t, l’école.
_APOSTROPHE = re.compile(
    r"(?:\b(?:[dlcjmnstDLCJMNST]|qu|Qu|O)’\w)|(?:\w’(?:s|t|d|m|ll|re|ve)\b)"
)
_WORD = re.compile(r"[^\s\x00-\x26\x28-\x2c\x2e-\x40\x5b-\x60\x7b-\x7f]+")
# The same in bytes, for all encodings: no second byte of a sign is among the borders.
_BYTES = re.compile(
    rb"[^\x00-\x26\x28-\x2c\x2e\x2f\x3b]*[\x80-\xff][^\x00-\x26\x28-\x2c\x2e\x2f\x3b]*"
)
_MIXED = 1.25  # against letters that only several languages explain
_RARE = 1.5  # against a reading that only a small language explains
# Points by which a reading must be better to be taken without asking.
_MARGIN = 1.0
_MOST_WORDS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Text, the encoding it was in, and what to say of it (``""`` for nothing)."""

    text: str
    encoding: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    encoding: str
    name: str
    penalty: float
    words: tuple[str, ...]

    @property
    def sample(self) -> str:
        return listing((repr(word) for word in self.words[:3]), 3)


def decode(
    source: str, content: bytes, *, encoding: str | None = None, option: str = ""
) -> Decoded:
    """Return bytes as text, or raise a DataError that says what to do.

    Parameters
    ----------
    source : str
        The file, for messages.
    content : bytes
        What it holds.
    encoding : str, optional
        As stated by the user; then nothing is guessed.
    option : str
        The option that states it, as the caller writes it.
    """
    option = option or written("encoding")
    if encoding is not None:
        return _stated(source, content, encoding, option)
    for bom, name in _BOMS:
        if content.startswith(bom):
            return _stated(source, content, name, option)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        if not _CONTROL.search(text):
            return Decoded(text=text, encoding="utf-8")
        _refuse_binary(source, content, text)
    return _found(source, content, option)


def _stated(source: str, content: bytes, encoding: str, option: str) -> Decoded:
    try:
        text = content.decode(encoding)
    except LookupError:
        raise DataError(
            f"{source}: encoding {encoding!r} is unknown. Try 'utf-8', 'cp1252', "
            "'cp1251', 'gbk', 'mac_roman' or 'utf-16'."
        ) from None
    except (UnicodeError, ValueError) as error:
        at = getattr(error, "start", None)
        where = ""
        if isinstance(at, int) and not encoding.startswith(("utf-16", "utf-32")):
            line = content.count(b"\n", 0, at) + 1
            where = f", first in line {line}"
        raise DataError(
            f"{source}: is not text in {encoding}{where}. Leave {option} out, or name "
            "the encoding of the program that wrote the file."
        ) from error
    if _CONTROL.search(text):
        raise DataError(
            f"{source}: is not text in {encoding}; it looks like a binary file under "
            "another name, or has another encoding. Give the file the extension of its "
            "format (.xlsx, .sav, .dta, .parquet) or save it as CSV in UTF-8."
        )
    return Decoded(text=text, encoding=encoding)


def _refuse_binary(source: str, content: bytes, text: str) -> None:
    nulls = content.count(0)
    hint = ""
    if nulls > len(content) // 4:
        little = content[1:200:2].count(0) > content[0:200:2].count(0)
        hint = f" It may be UTF-16: try encoding 'utf-16-{'le' if little else 'be'}'."
    raise DataError(
        f"{source}: is not text; it looks like a binary file under another name.{hint} "
        "Give it the extension of its format (.xlsx, .sav, .dta, .parquet) or save it as "
        "CSV in UTF-8."
    )


def _found(source: str, content: bytes, option: str) -> Decoded:
    """Return the reading that the words themselves show to be right."""
    counts = Counter(_BYTES.findall(content))
    words = [word for word, _ in counts.most_common(_MOST_WORDS)]
    readings = sorted(
        (r for c in _CANDIDATES if (r := _reading(words, *c)) is not None),
        key=lambda r: r.penalty,
    )
    best = readings[0] if readings else None
    text = None if best is None else _decoded(content, best.encoding)
    if best is None or text is None:
        raise DataError(
            f"{source}: is not text in UTF-8 or any other supported encoding; it "
            "looks like a binary file under another name. Give it the extension of its "
            "format (.xlsx, .sav, .dta, .parquet), save it as CSV in UTF-8, or name its "
            f"encoding with {option}."
        )
    rivals = [
        r
        for r in readings[1:]
        if r.words != best.words and r.penalty < best.penalty + _MARGIN
    ]
    if rivals or best.penalty >= 2.0 * _MARGIN:
        said = "; ".join(
            f"{r.encoding} ({r.name}): {r.sample}" for r in [best, *rivals[:3]]
        )
        raise DataError(
            f"{source}: is not UTF-8, and its encoding is not certain. Read as {said}. "
            f"State the right one with {option}, or save the file as CSV in UTF-8."
        )
    return Decoded(
        text=text,
        encoding=best.encoding,
        note=(
            f"{source}: is not UTF-8; read as {best.encoding} ({best.name}), such as "
            f"{best.sample}. If words look wrong, name the encoding with {option}."
        ),
    )


def _decoded(content: bytes, encoding: str) -> str | None:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text


def _reading(
    content: list[bytes], encoding: str, name: str, alphabets: tuple[str, ...]
) -> _Reading | None:
    text = _decoded(b"\n".join(content), encoding)
    if text is None:
        return None
    words = [word for word in _WORD.findall(text) if _FOREIGN.search(word)]
    penalty = _penalty(
        text, words, alphabets, east=encoding in _EAST, mixed=encoding == "cp1252"
    )
    if encoding in ("gb18030", "big5") and re.search(r"[\u3041-\u30f6]", text):
        penalty += 2.0  # kana are Japanese
    if encoding == "cp1252":
        signs = set(_FOREIGN.findall(text))
        penalty -= 0.75 if signs <= _COMMON else 0.0
    elif alphabets is _WEST:
        penalty += 0.5
    elif encoding != "gb18030":
        penalty += 0.25
    return _Reading(
        encoding=encoding,
        name=name,
        penalty=penalty,
        words=tuple(words) or tuple(dict.fromkeys(_FOREIGN.findall(text))),
    )


def _penalty(
    text: str,
    words: list[str],
    alphabets: tuple[str, ...],
    *,
    east: bool,
    mixed: bool,
) -> float:
    """Return how unlike words of one language the words are; 0 for none of it."""
    total = 0.0
    letters: set[str] = set()
    for word in words:
        total += _word_penalty(word, east=east)
        letters |= {c for c in word if ord(c) > 127 and c.isalpha()}
    odd = {c for c in _FOREIGN.findall(text) if not c.isalpha()} - _TYPOGRAPHY
    odd = {c for c in odd if not (east and _is_eastern(c))}
    total += 1.0 * len(odd)
    if east:
        return total + (0.0 if letters else 3.0)
    if letters:
        lowered = {c.lower()[:1] for c in letters}
        best = min(
            2.0 * len(lowered - set(known)) + _RARE * ("þ" in known)
            for known in alphabets
        )
        # names of several countries: a list of authors
        total += min(best, _MIXED) if mixed and letters <= _COMMON else best
    return total


def _word_penalty(word: str, *, east: bool) -> float:
    if east:
        return _eastern_penalty(word)
    total = 0.0
    scripts = {_script(c) for c in word if c.isalpha()}
    total += 3.0 * (len(scripts) > 1)
    total += 1.5 * (len(word) == 1 and word.isalpha() and "LATIN" not in scripts)
    total += 2.0 * (len(word) > 1 and not any(c.isalnum() for c in word))
    total += 1.0 * bool(re.search(r"ñ[^aeiouáéíóúü\W]|\w{2}æ\b", word))
    for i, c in enumerate(word):
        if ord(c) < 128:
            continue
        before, after = word[i - 1 : i] if i else "", word[i + 1 : i + 2]
        inside = before.isalpha() and after.isalpha()
        if c == "’" and inside:
            total += 0.0 if _APOSTROPHE.search(word) else 1.5
        elif not c.isalpha() and c not in "ªº" and inside:
            total += 1.5 if c in "–—\u00ad·" else 3.0
        elif not c.isalpha() and c not in _TYPOGRAPHY:
            total += 1.0
        elif c in "ªº" and before.isalpha():
            total += 3.0
        if c.isupper() and before.islower():
            total += 3.0
        elif c.islower() and before.isupper() and word[i - 2 : i - 1].isupper():
            total += 1.5
        elif c.islower() and not before and after.isupper():
            total += 3.0
    return total


def _eastern_penalty(word: str) -> float:
    total = 0.0
    for i, c in enumerate(word):
        if ord(c) < 128:
            continue
        if not _is_eastern(c):
            total += 3.0
        elif c.isalpha() and not _is_common(c):
            total += 1.5
        neighbours = word[i - 1 : i] if i else ""
        neighbours += word[i + 1 : i + 2]
        if any(n.isascii() and n.isalpha() for n in neighbours):
            total += 1.5
    return total


def _is_eastern(c: str) -> bool:
    at = ord(c)
    return (
        0x3000 <= at <= 0x30FF
        or 0x4E00 <= at <= 0x9FFF
        or 0xAC00 <= at <= 0xD7A3
        or 0xFF00 <= at <= 0xFFEF
        or 0x0391 <= at <= 0x0451  # Greek and Cyrillic, which these encodings hold
        or c in "‘’“”—…·"
    )


@cache
def _is_common(c: str) -> bool:
    """Return whether a sign is among the everyday ones of its national standard."""
    at = ord(c)
    if 0x3040 <= at <= 0x30FF or 0xAC00 <= at <= 0xD7A3 or at <= 0x0451:
        return True
    for encoding, low, high in (
        ("gb2312", 0xB0, 0xD7),
        ("big5", 0xA4, 0xC6),
        ("euc_jp", 0xB0, 0xCF),
    ):
        try:
            first = c.encode(encoding)[0]
        except UnicodeEncodeError:
            continue
        if low <= first <= high:
            return True
    return False


@cache
def _script(c: str) -> str:
    return unicodedata.name(c, "NONE").split(" ")[0]
