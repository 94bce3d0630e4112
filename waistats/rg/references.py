"""References of the included studies, from and to BibTeX and RIS."""

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from waistats._files import new_file
from waistats._frames import as_frame
from waistats.errors import DataError

FIELDS = (
    "study_id", "kind", "authors", "year", "title", "journal", "volume", "issue",
    "pages", "publisher", "doi", "url",
)  # fmt: skip
_BIB = {
    "author": "authors", "year": "year", "date": "year", "title": "title",
    "journal": "journal", "journaltitle": "journal", "booktitle": "journal",
    "volume": "volume", "number": "issue", "pages": "pages", "doi": "doi",
    "url": "url", "publisher": "publisher", "school": "publisher",
    "institution": "publisher",
}  # fmt: skip
_RIS = {
    "PY": "year", "Y1": "year", "DA": "year", "TI": "title", "T1": "title",
    "JO": "journal", "JF": "journal", "T2": "journal", "JA": "journal",
    "VL": "volume", "IS": "issue", "DO": "doi", "UR": "url", "PB": "publisher",
    "ID": "study_id",
}  # fmt: skip
_KINDS = {"article": "JOUR", "thesis": "THES", "book": "BOOK", "other": "GEN"}
_OF_RIS = {"JOUR": "article", "THES": "thesis", "BOOK": "book", "JFULL": "article"}
_OF_BIB = {"article": "article", "phdthesis": "thesis", "mastersthesis": "thesis"} | {
    "thesis": "thesis", "book": "book",
}  # fmt: skip
# an accent of TeX -> the sign that combines with the letter before it
_ACCENTS = {"'": "\u0301", "`": "\u0300", '"': "\u0308", "^": "\u0302"} | {
    "~": "\u0303", "c": "\u0327", "v": "\u030c", "=": "\u0304", ".": "\u0307",
    "u": "\u0306", "r": "\u030a", "H": "\u030b", "k": "\u0328",
}  # fmt: skip
_LETTERS = {r"\ss": "ß", r"\o": "ø", r"\O": "Ø", r"\ae": "æ", r"\AE": "Æ"} | {
    r"\aa": "å", r"\AA": "Å", r"\l": "ł", r"\L": "Ł", r"\i": "i", r"\alpha": "α",
    r"\omega": "ω", r"\kappa": "κ", r"\textless": "<", r"\textgreater": ">",
    r"\textendash": "–", r"\textemdash": "—", r"\TeX": "TeX", r"\LaTeX": "LaTeX",
    r"\textquotesingle": "'", r"\textquoteright": "’",
}  # fmt: skip


def read_references(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read references from a BibTeX or RIS file.

    Parameters
    ----------
    path : str or path
        A file ending ``.bib`` or ``.ris``, as reference managers export it.

    Returns
    -------
    DataFrame
        One row per reference: ``study_id`` (the key), ``kind`` (article, thesis, book,
        other), ``authors`` (``"Horvath, A. O.; Greenberg, L. S."``), ``year, title,
        journal, volume, issue, pages, publisher, doi, url``; blanks are empty.

    Raises
    ------
    DataError
        If the file cannot be read, or holds no reference.
    """
    source = Path(path)
    try:
        text = source.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{source}: there is no such file.") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{source}: is not text in UTF-8 (byte {error.start + 1}). Save it in UTF-8."
        ) from error
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({error.strerror}).") from error
    kind = source.suffix.lower()
    if kind not in {".bib", ".ris"}:
        raise DataError(
            f"{source}: references are read from .bib (BibTeX) or .ris files."
        )
    rows = list(_bib_entries(text) if kind == ".bib" else _ris_entries(text))
    if not rows:
        raise DataError(f"{source}: no reference was found in this file.")
    for i, row in enumerate(rows, start=1):
        row["study_id"] = row.get("study_id") or f"reference {i}"
        found = re.search(r"\d{4}", row.get("year", ""))
        row["year"] = found[0] if found else row.get("year", "")
    return pd.DataFrame([{name: row.get(name, "") for name in FIELDS} for row in rows])


def write_references(
    table: pd.DataFrame, path: str | os.PathLike[str], *, force: bool = False
) -> Path:
    """Write the references of the studies of a table, one each, as BibTeX or RIS.

    Parameters
    ----------
    table : DataFrame
        A coding sheet, or what `read_references` gives.
    path : str or path
        The file, ending ``.bib`` or ``.ris``.
    force : bool, default False
        Replace a file that is there.

    Returns
    -------
    Path
        The file.
    """
    table = as_frame(table)
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in {".bib", ".ris"}:
        raise DataError(f"{target}: references are written as .bib or .ris files.")
    content = as_bibtex(table) if kind == ".bib" else as_ris(table)
    with new_file(target, force=force) as work:
        work.write_text(content, encoding="utf-8", newline="\n")
    return target


def study_references(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per study with what the table knows of its publication."""
    rename = {"publication_type": "kind", "source_url": "url"}
    frame = table.rename(columns={a: b for a, b in rename.items() if b not in table})
    frame = pd.DataFrame(
        {
            name: [_word(v) for v in frame[name]] if name in frame else ""
            for name in FIELDS
        }
    )
    # the first that is filled, of the rows of a study
    found: dict[str, dict[str, str]] = {}
    for values in zip(*(frame[name].tolist() for name in FIELDS), strict=True):
        row = dict(zip(FIELDS, values, strict=True))
        known = found.setdefault(row["study_id"], row)
        if known is not row:
            known |= {name: row[name] for name in FIELDS if not known[name]}
    return pd.DataFrame(list(found.values()), columns=list(FIELDS))


def reference_text(row: Mapping[str, Any], *, stars: bool = False) -> str:
    """Return a reference as APA 7 prints it, of what is known.

    ``stars`` puts between stars what is set in italics: the journal and its volume, or
    the title of a book, a thesis or a page.

    >>> reference_text({"authors": "Horvath, A. O.; Greenberg, L. S.", "year": "1989",
    ...                 "title": "The WAI", "journal": "JCP", "volume": "36",
    ...                 "pages": "223-233"})
    'Horvath, A. O., & Greenberg, L. S. (1989). The WAI. JCP, 36, 223–233.'
    """
    get = {name: _word(row.get(name)) for name in FIELDS}
    who, year = _who(get), f"({get['year'] or 'n.d.'})."
    title = _inferred(get["title"].rstrip("."))
    star = "*" if stars else ""
    alone = get["kind"] in {"book", "thesis"} or not get["journal"]
    if title:
        title = f"{star}{title}{star}." if alone else f"{title}."
    # a work without an author begins with its title
    parts = [f"{who} {year}", title] if who or not title else [title, year]
    if not who and not title:
        parts = [f"{get['study_id']} {year}"]
    place = get["journal"]
    if place:
        volume = f", {get['volume']}" if get["volume"] else ""
        place = f"{star}{place}{volume}{star}"
        place += f"({get['issue']})" if volume and get["issue"] else ""
    if place and get["pages"]:
        place += f", {re.sub('-+', '–', get['pages'])}"
    place = place or get["publisher"]
    if place:
        parts.append(f"{place}.")
    if get["doi"]:
        bare = re.sub(r"^(https?://(dx\.)?doi\.org/|doi:\s*)", "", get["doi"])
        parts.append(f"https://doi.org/{bare}")
    elif found := re.match(r"https?://\S+", get["url"]):
        # what follows an address is a remark
        parts.append(found[0])
    elif get["url"]:
        parts.append(get["url"])
    return " ".join(part for part in parts if part)


def _who(get: Mapping[str, str]) -> str:
    """Return the authors; those that the source did not show in square brackets."""
    authors = get["authors"]
    if not authors and not get["title"]:
        return get["study_id"]
    if authors.startswith("("):
        return "" if authors.startswith("(not ") else _inferred(authors)
    names = [n.strip() for n in authors.split(";") if n.strip()]
    if len(names) > 1:
        return ", ".join(names[:-1]) + f", & {names[-1]}"
    return "".join(names) or get["study_id"]


def _inferred(text: str) -> str:
    """Return a text in square brackets where it has round ones, else as it is."""
    whole = text.startswith("(") and text.endswith(")")
    return f"[{text[1:-1]}]" if whole else text


def as_bibtex(table: pd.DataFrame) -> str:
    """Return the references of a table's studies as BibTeX."""
    names = {"authors": "author", "issue": "number"}
    kinds = {"article": "article", "thesis": "phdthesis", "book": "book"}
    entries = []
    keys: set[str] = set()
    for row in study_references(table).to_dict("records"):
        row["authors"] = " and ".join(
            _in_tex(n.strip()) if "," in n else f"{{{_in_tex(n.strip())}}}"
            for n in row["authors"].split(";")
            if n.strip()
        )
        key = base = re.sub(r"[^\w:.+/-]", "_", row["study_id"]) or "study"
        number = 2
        while key.casefold() in keys:
            key, number = f"{base}_{number}", number + 1
        keys.add(key.casefold())
        kind = kinds.get(row["kind"] or "article", "misc")
        if kind == "phdthesis":
            names = names | {"publisher": "school"}
        lines = [
            f"  {names.get(name, name)} = {{{_value(name, row[name])}}},"
            for name in FIELDS[2:]
            if row[name]
        ]
        if key != row["study_id"] and row["study_id"]:
            lines.append(f"  {_OWN_ID} = {{{_in_tex(row['study_id'])}}},")
        entries.append("\n".join([f"@{kind}{{{key},", *lines, "}"]))
    return "\n\n".join([*entries, ""])


def as_ris(table: pd.DataFrame) -> str:
    """Return the references of a table's studies as RIS."""
    tags = {"year": "PY", "title": "TI", "journal": "JO", "volume": "VL"} | {
        "issue": "IS", "publisher": "PB", "doi": "DO", "url": "UR",
    }  # fmt: skip
    entries = []
    for row in study_references(table).to_dict("records"):
        lines = [f"TY  - {_KINDS.get(row['kind'] or 'article', 'GEN')}"]
        lines.append(f"ID  - {_line(row['study_id'])}")
        lines += [
            f"AU  - {_line(name)}" for name in row["authors"].split(";") if name.strip()
        ]
        for name, tag in tags.items():
            if row[name]:
                lines.append(f"{tag}  - {_line(row[name])}")
        first, _, last = row["pages"].partition("-")
        if first:
            lines.append(f"SP  - {_line(first)}")
        if last:
            lines.append(f"EP  - {_line(last.lstrip('-'))}")
        entries.append("\n".join([*lines, "ER  - "]))
    return "\n\n".join([*entries, ""])


def _word(value: Any) -> str:
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return " ".join(str(value).split())


def _line(text: str) -> str:
    return " ".join(text.split())


def _value(name: str, text: str) -> str:
    """Return the value of a field as BibTeX has it."""
    if name == "authors":
        return text
    return _balanced(text) if name in ("url", "doi") else _in_tex(text)


def _in_tex(text: str) -> str:
    """Return a text as TeX prints it."""
    return re.sub(r"([&%$#_])", r"\\\1", _balanced(text))


def _balanced(text: str) -> str:
    return text.replace("{", "(").replace("}", ")").replace("\\", "/")


def _ris_entries(text: str) -> Iterator[dict[str, str]]:
    row: dict[str, str] = {}
    authors: list[str] = []
    for line in text.splitlines():
        found = re.match(r"([A-Z][A-Z0-9])  ?- ?(.*)", line)
        if found is None:
            continue
        tag, value = found[1], found[2].strip()
        if tag == "TY":
            if row:
                # the one before was not ended
                yield row | {"authors": "; ".join(authors)}
            row, authors = {"kind": _OF_RIS.get(value, "other")}, []
        elif tag == "ER":
            yield row | {"authors": "; ".join(authors)}
            row, authors = {}, []
        elif tag in {"AU", "A1"}:
            authors.append(value)
        elif tag == "SP":
            row["pages"] = value
        elif tag == "EP":
            row["pages"] = f"{row['pages']}-{value}" if row.get("pages") else value
        elif tag in _RIS and value:
            row.setdefault(_RIS[tag], value)
    if row:
        yield row | {"authors": "; ".join(authors)}


def _bib_entries(text: str) -> Iterator[dict[str, str]]:
    """Yield the references of a BibTeX file, with what they take from others."""
    macros: dict[str, str] = {}
    entries: list[tuple[str, str, dict[str, str]]] = []
    at, head = 0, re.compile(r"@\s*(\w+)\s*([{(])")
    while found := head.search(text, at):
        kind = found[1].casefold()
        body = _braced(text, found.end(), found[2])
        at = found.end() + len(body)
        if kind == "string":
            macros |= dict(_bib_fields(body, macros))
        elif kind not in {"comment", "preamble"}:
            key, _, rest = body.partition(",")
            told: dict[str, str] = {}
            for name, value in _bib_fields(rest, macros):
                told.setdefault(name, value)
            entries.append((kind, key.strip(), told))
    known = {key.casefold(): told for _, key, told in entries if key}
    for kind, key, told in entries:
        parent = known.get(told.get("crossref", "").casefold(), {})
        inherited = {k: v for k, v in parent.items() if k not in ("author", "title")}
        if parent.get("title"):
            inherited.setdefault("booktitle", parent["title"])
        row = {"study_id": key, "kind": _OF_BIB.get(kind, "other")}
        for name, value in {**inherited, **told}.items():
            if name in _BIB and name != "author":
                column = _BIB[name]
                plain = _address(value) if column in ("url", "doi") else _untex(value)
                if plain and (name in told or not row.get(column)):
                    row[column] = plain
        if "url" not in row and "http" in told.get("howpublished", ""):
            row["url"] = _address(told["howpublished"])
        row["study_id"] = _untex(told.get(_OWN_ID, "")) or row["study_id"]
        names = _split(told.get("author", ""))
        yield row | {"authors": "; ".join(filter(None, map(_author, names)))}


# the study's own name, where it cannot be a key
_OWN_ID = "study_id"


def _braced(text: str, start: int, opening: str = "{") -> str:
    """Return what stands from ``start`` to the sign that closes it."""
    depth, at = (1, start) if opening == "{" else (0, start)
    while at < len(text):
        depth += {"{": 1, "}": -1}.get(text[at], 0) if text[at - 1] != "\\" else 0
        if depth == 0 and (opening == "{" or text[at] == ")"):
            return text[start:at]
        at += 1
    return text[start:]


def _bib_fields(text: str, macros: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield names and values; ``#`` joins parts, and a word is a macro or itself."""
    at, head = 0, re.compile(r"[\s,]*([^\s=,{}\"#]+)\s*=\s*")
    joint = re.compile(r"\s*#\s*")
    while found := head.match(text, at):
        name, at = found[1].casefold(), found.end()
        parts: list[str] = []
        while True:
            part, at = _bib_value(text, at, macros)
            parts.append(part)
            more = joint.match(text, at)
            if more is None:
                break
            at = more.end()
        yield name, "".join(parts)


def _bib_value(text: str, at: int, macros: Mapping[str, str]) -> tuple[str, int]:
    """Return one part of a value, and where it ends."""
    if text[at : at + 1] == "{":
        value = _braced(text, at + 1)
        return value, at + len(value) + 2
    if text[at : at + 1] == '"':
        end, depth = at + 1, 0
        # a quote after a backslash is meant as an accent or as itself
        while end < len(text) and (text[end] != '"' or depth or text[end - 1] == "\\"):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        return text[at + 1 : end], end + 1
    bare = re.compile(r"[^\s,}#]*").match(text, at)
    word = bare[0] if bare else ""
    return macros.get(word.casefold(), word), at + len(word)


def _split(text: str) -> list[str]:
    """Return the authors of a field; an ``and`` in braces is part of a name."""
    names, depth = [""], 0
    for part in re.split(r"(\s+and\s+|[{}])", text):
        if depth == 0 and part.strip() == "and":
            names.append("")
            continue
        depth += {"{": 1, "}": -1}.get(part, 0)
        names[-1] += part
    return names


def _author(name: str) -> str:
    """Return a name with the family's first; a body in braces keeps its own.

    >>> _author("Robert L. van der Hatcher"), _author("{World Health Organization}")
    ('van der Hatcher, Robert L.', 'World Health Organization')
    """
    bare, plain = name.strip(), _untex(name)
    words = plain.split()
    if "," in plain or len(words) < 2 or re.search(r"\{[^{}\\]*\s", bare):
        return plain
    small = [i for i, word in enumerate(words[:-1]) if i and word[:1].islower()]
    first = small[0] if small else len(words) - 1
    return f"{' '.join(words[first:])}, {' '.join(words[:first])}"


def _address(text: str) -> str:
    """Return an address or DOI, in which a tilde and dashes are themselves."""
    plain = re.sub(r"\\(url|href)\s*", "", text)
    plain = re.sub(r"\\([_%&#$~{}])|\{\\textasciitilde\}", lambda m: m[1] or "~", plain)
    return "".join(plain.replace("{", "").replace("}", "").split())


def _untex(text: str) -> str:
    """Return TeX as plain text: accents, letters, no braces."""

    def accent(found: re.Match[str]) -> str:
        letter = (found[2] or found[3]).replace("\\i", "i")
        made = unicodedata.normalize("NFC", letter + _ACCENTS[found[1].strip()])
        # no letter has it: a quote before a word
        return f'"{letter}' if found[1] == '"' and len(made) > 1 else made

    text = re.sub(
        r"\\(['`\"^~=.]|[cvurHk](?![A-Za-z])\s*)(?:\{(\\?[A-Za-z])\}|(\\?[A-Za-z]))",
        accent,
        text,
    )
    for tex, letter in _LETTERS.items():
        # the space that ends a command of letters is no space
        end = r"(?![A-Za-z])\s?" if tex[1:].isalpha() else ""
        text = re.sub(re.escape(tex) + end, letter, text)
    # a formula between dollars, now that the printed ones are known
    text = re.sub(r"(?<!\\)\$([^$]*)\$", r"\1", text)
    for sign in '&_%$#"':
        text = text.replace(f"\\{sign}", sign)
    text = text.replace("{", "").replace("}", "").replace("---", "—")
    return " ".join(text.replace("--", "-").replace("~", " ").split())
