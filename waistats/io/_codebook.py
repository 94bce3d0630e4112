"""Which column is which: names given by the user, and guesses for missing ones.

What to do about a cell that should hold a number and does not.

Checks of tables made from ``data/datapackage.json``, codebook and validator.

Cells of a raw table to typed columns, by the codebook.
"""

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from waistats._caller import command, option
from waistats._files import data_json
from waistats._identifiers import identifiers, label_names
from waistats._typing import BoolArray
from waistats.errors import DataError, listing, near
from waistats.instruments.scoring import numbered_sets
from waistats.io._findings import Finding
from waistats.io._numbers import (
    NumberStyle,
    parse_numbers,
    plain_text,
    plain_texts,
    quoted,
)
from waistats.io._table import RawTable
from waistats.measures import NO, REQUIRED, YES

# What spreadsheets show for a formula without a result.
FAILED = ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!")
FAILED_ADVICE = "The formula failed: correct it, or clear the cell."
NUMBER_ADVICE = "Write a plain number, without range, bound, unit, note or date."
DATE_ADVICE = (
    "The spreadsheet program read it as a date: format the cell as a number or as "
    "text, and enter it again."
)

_NUMBER = r"[+-]?(?:\d+(?:[.,]\d+)?|[.,]\d+)"
_RANGE = re.compile(
    rf"^\D{{0,12}}{_NUMBER}\s*(?:-|‐|–|—|to|bis|and|und|a|à|y|/|;|\.\.\.?|…)\s*{_NUMBER}\D{{0,3}}$",
    re.IGNORECASE,
)
_BOUND = re.compile(
    rf"^(?:[<>≤≥=~≈]+|at least|at most|over|above|below|under|about|ca\.?|approx\.?|"
    rf"mindestens|über|unter|etwa)\s*{_NUMBER}\s*$",
    re.IGNORECASE,
)
_PERCENT = re.compile(rf"^{_NUMBER}\s*%$")
_CITED = re.compile(rf"^{_NUMBER}\D.*\b(?:19|20)\d\d\b")
_COMMENTED = re.compile(rf"^\D{{0,8}}{_NUMBER}\D")


def number_advice(column: str, cell: Any) -> str:
    """Return the advice for one cell of a column of numbers.

    >>> number_advice("estimate", ".80-.90")[:38]
    'A range is not one coefficient: leave '
    >>> number_advice("n", "82 (complete cases)")
    "Write the number alone; what it means belongs in column 'note'."
    """
    if isinstance(cell, (dt.date, dt.time, dt.timedelta, np.datetime64)):
        return DATE_ADVICE
    if not isinstance(cell, str):
        return NUMBER_ADVICE
    text = cell.strip()
    if text in FAILED:
        return FAILED_ADVICE
    of_estimate = column == "estimate"
    if _RANGE.match(text):
        if of_estimate:
            return (
                "A range is not one coefficient: leave the cell empty, put its ends "
                "into estimate_low and estimate_high, and say so in column 'reason'."
            )
        return "A range is not one number: leave the cell empty, and say so in 'note'."
    if _BOUND.match(text):
        if of_estimate:
            return (
                "A bound is not a coefficient: leave the cell empty, put it into "
                "estimate_low (at least) or estimate_high (at most), and say so in "
                "column 'reason'."
            )
        return "A bound is not a number: leave the cell empty, and say so in 'note'."
    if _PERCENT.match(text):
        return "Write it without the symbol, a coefficient as 0.91 and a share as 91."
    if of_estimate and _CITED.match(text):
        return (
            "It names another study: if the figure is that study's, say "
            "'induced_precise' in reliability_status and give its DOI in "
            "induced_source_doi. The cell holds the number alone."
        )
    if _COMMENTED.match(text):
        return "Write the number alone; what it means belongs in column 'note'."
    return NUMBER_ADVICE


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column of the codebook.

    Attributes
    ----------
    name, title, description : str
        As in the codebook.
    type : str
        ``"string"``, ``"number"``, ``"integer"``, ``"boolean"`` or ``"date"``.
    constraints : mapping
        Frictionless constraints: ``required``, ``unique``, ``minimum``, ``maximum``,
        ``exclusiveMaximum``, ``enum``, ``pattern``.
    advice : str
        What an error tells the user to do.
    true_values, false_values : tuple of str
        Words of a boolean column.
    examples : tuple of str
        Usual values, where others are allowed.
    group : str
        Of a coding sheet, what the column belongs to.
    """

    name: str
    type: str = "string"
    title: str = ""
    description: str = ""
    constraints: Mapping[str, Any] = field(default_factory=dict)
    advice: str = "Correct it, or leave the cell empty if it is not known."
    true_values: tuple[str, ...] = ()
    false_values: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    group: str = ""

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        if self.type == "boolean":
            return "yes or no"
        if self.type == "date":
            return "a date such as 2024-05-17"
        given = self.constraints
        if "enum" in given:
            return f"one of {', '.join(repr(v) for v in given['enum'])}"
        if "pattern" in given:
            return f"of the form {given['pattern']}"
        noun = {"integer": "a whole number", "number": "a number"}.get(
            self.type, "text"
        )
        parts = []
        if "minimum" in given:
            parts.append(f"of at least {given['minimum']}")
        if "maximum" in given:
            parts.append(f"of at most {given['maximum']}")
        if "exclusiveMaximum" in given:
            parts.append(f"below {given['exclusiveMaximum']}")
        return " ".join([noun, " and ".join(parts)]).strip()


def codebook() -> dict[str, Any]:
    """Return the data package: resources, their fields, sources and licences."""
    package: dict[str, Any] = data_json("datapackage.json")
    return package


def resource(name: str) -> dict[str, Any]:
    """Return the description of one bundled file."""
    known: dict[str, dict[str, Any]] = {
        entry["name"]: entry for entry in codebook()["resources"]
    }
    if name not in known:
        raise DataError(
            f"{name!r} is not in the codebook{near(name, known)}; there are "
            f"{listing(known)}."
        )
    return known[name]


def fields(name: str = "coefficients") -> tuple[Field, ...]:
    """Return the columns of a bundled table, or of users' coefficient tables."""
    schemas = codebook()["schemas"]
    schema = schemas[name] if name in schemas else resource(name)["schema"]
    return tuple(
        Field(
            name=entry["name"],
            type=entry["type"],
            title=entry["title"],
            description=entry["description"],
            constraints=entry.get("constraints", {}),
            true_values=tuple(entry.get("trueValues", ())),
            false_values=tuple(entry.get("falseValues", ())),
            examples=tuple(entry.get("examples", ())),
            group=entry.get("group", ""),
            **({"advice": entry["advice"]} if "advice" in entry else {}),
        )
        for entry in schema["fields"]
    )


def renamed(columns: Sequence[Field], names: Mapping[str, str]) -> tuple[Field, ...]:
    """Return fields under the names that a table uses for them."""
    return tuple(replace(f, name=names.get(f.name, f.name)) for f in columns)


def broken(values: pd.Series, column: Field) -> dict[int, str]:
    """Return the rows that break a field, and which constraint: the first that breaks.

    Parameters
    ----------
    values : Series
        A parsed column, rows counted from 0.
    column : Field
        Its field.

    Returns
    -------
    dict
        Row to ``"required"``, ``"unique"`` or ``"value"``. An empty cell breaks only
        ``required``.
    """
    given = column.constraints
    filled = values.notna().to_numpy(dtype=bool)
    wrong = np.zeros(len(values), dtype=bool)
    if is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(dtype=float, na_value=np.nan)
        with np.errstate(invalid="ignore"):
            if column.type == "integer":
                wrong |= numbers % 1 != 0
            if "minimum" in given:
                wrong |= ~(numbers >= given["minimum"])
            if "maximum" in given:
                wrong |= ~(numbers <= given["maximum"])
            if "exclusiveMaximum" in given:
                wrong |= ~(numbers < given["exclusiveMaximum"])
    if "enum" in given:
        wrong |= ~values.isin(list(given["enum"])).to_numpy(dtype=bool)
    if "pattern" in given:
        wrong |= ~_matching(values, given["pattern"])
    found = dict.fromkeys(np.flatnonzero(wrong & filled).tolist(), "value")
    if given.get("unique", False):
        again = values.duplicated(keep=False).to_numpy(dtype=bool) & filled
        found |= dict.fromkeys(np.flatnonzero(again & ~wrong).tolist(), "unique")
    if given.get("required", False):
        found |= dict.fromkeys(np.flatnonzero(~filled).tolist(), "required")
    return found


def _matching(values: pd.Series, pattern: str) -> BoolArray:
    form = re.compile(f"^(?:{pattern})$")
    texts = values.to_numpy(dtype=object)
    return np.array([bool(form.match(str(text))) for text in texts], dtype=bool)


def known_study(study_ids: Sequence[str | None], row: int) -> str:
    """Return the study of a row, ``""`` where it is not known."""
    return (study_ids[row] or "") if len(study_ids) else ""


def validate(
    frame: pd.DataFrame,
    columns: Sequence[Field],
    table: RawTable,
    study_ids: Sequence[str | None] = (),
) -> list[Finding]:
    """Return an error for every cell of a parsed frame that breaks its field."""
    found: list[Finding] = []
    for column in columns:
        if column.name not in frame or column.type == "boolean":
            continue
        rows = broken(frame[column.name].reset_index(drop=True), column)
        for row, constraint in sorted(rows.items()):
            cell = table.frame[column.name].iloc[row]
            if constraint == "required":
                rule, value = "must be filled", "empty"
            elif constraint == "unique":
                rule, value = "must be different in every row", quoted(cell)
            else:
                rule, value = f"must be {column.expected}", shown(cell, column)
            found.append(
                Finding(
                    column=column.name,
                    severity="error",
                    rule=rule,
                    value=value,
                    advice=column.advice,
                    place=table.place(row, column.name),
                    row=row,
                    study_id=known_study(study_ids, row),
                )
            )
    return found


def shown(cell: Any, column: Field) -> str:
    """Return a cell as a message shows it: numbers bare, texts quoted."""
    if column.type == "string" or isinstance(cell, str):
        text = str(cell).strip()
        return text if column.type != "string" else quoted(text)
    if isinstance(cell, float) and not math.isfinite(cell):
        return "infinite"
    return plain_text(cell) or "empty"


_NOUNS = {
    "number": "a number",
    "integer": "a number",
    "boolean": "yes or no",
    "string": "a text",
}


def parse_table(
    table: RawTable, columns: Sequence[Field], study_ids: Sequence[str | None] = ()
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the typed frame and an error for every cell that is not of its type.

    Columns that the codebook does not know become numbers where every filled cell is
    one, and text otherwise.
    """
    known = {column.name: column for column in columns}
    parsed: dict[str, pd.Series] = {}
    findings: list[Finding] = []
    for name in table.frame:
        cells = table.frame[name]
        column = known.get(str(name))
        values, bad = _typed(cells, column, table)
        parsed[str(name)] = values
        failed = _failed_formulas(cells)
        findings.extend(
            Finding(
                column=str(name),
                severity="error",
                rule="must be a value",
                value=said,
                advice=FAILED_ADVICE,
                place=table.place(row, str(name)),
                row=row,
                study_id=known_study(study_ids, row),
            )
            for row, said in failed.items()
            if row not in bad
        )
        if column is None:
            continue
        findings.extend(
            Finding(
                column=column.name,
                severity="error",
                rule=f"must be {_NOUNS[column.type]}",
                value=said,
                advice=_advice(column, cells.iloc[row]),
                place=table.place(row, column.name),
                row=row,
                study_id=known_study(study_ids, row),
            )
            for row, said in bad.items()
        )
    return pd.DataFrame(parsed), findings


def _advice(column: Field, cell: object) -> str:
    if column.type in ("number", "integer"):
        return f"{number_advice(column.name, cell)} {column.advice}"
    return column.advice if column.type == "boolean" else DATE_ADVICE


def _failed_formulas(cells: pd.Series) -> dict[int, str]:
    if is_numeric_dtype(cells.dtype):
        return {}
    given = cells.tolist()
    plain = set(map(type, given)) <= {str, float, type(None)}
    if plain and set(FAILED).isdisjoint(given):
        return {}
    return {
        i: repr(cell)
        for i, cell in enumerate(given)
        if type(cell) is not float and str(cell) in FAILED
    }


def _typed(
    cells: pd.Series, column: Field | None, table: RawTable
) -> tuple[pd.Series, dict[int, str]]:
    kind = column.type if column is not None else "any"
    labels = table.value_labels.get(str(cells.name))
    if labels and kind in ("any", "string"):
        named = _labelled(cells, labels, whole=kind == "any")
        if named is not None:
            return named, {}
    if kind == "boolean" and column is not None:
        return _booleans(cells, column)
    if kind in ("number", "integer"):
        values, bad = parse_numbers(cells, table.style)
        return pd.Series(values), bad
    if kind == "any":
        return guess_column(cells, table.style), {}
    texts = plain_texts(cells)
    if kind == "date":
        return text_series(texts), {}
    dates = {
        i: f"the date {texts[i]}"
        for i, cell in enumerate(cells)
        if isinstance(cell, dt.date) and texts[i] is not None
    }
    if column is not None and "enum" in column.constraints:
        texts = in_spelling(texts, column.constraints["enum"])
    return text_series(texts), dates


def _labelled(
    cells: pd.Series, labels: Mapping[Any, str], *, whole: bool
) -> pd.Series | None:
    """Return codes as the categories that their labels name, in order of the codes.

    None where ``whole`` and a code has no label: such a column holds numbers.
    """
    if not is_numeric_dtype(cells.dtype):
        return None
    names = label_names(labels)
    present = set(cells.dropna())
    if whole and not present <= set(names):
        return None
    texts = identifiers(cells, names)
    if not whole:
        return text_series([None if t is pd.NA else t for t in texts])
    order = [names[code] for code in sorted(present)]
    return pd.Series(pd.Categorical(texts, categories=order))


def in_spelling(
    texts: Sequence[str | None], options: Sequence[str]
) -> list[str | None]:
    """Return words of a list in the spelling of the list.

    >>> in_spelling(["Test-Retest", "ICC", "r"], ["test_retest", "icc"])
    ['test_retest', 'icc', 'r']
    """

    def plain(text: str) -> str:
        return "".join(c for c in text.casefold() if c.isalnum())

    known = {plain(option): option for option in options}
    return [None if text is None else known.get(plain(text), text) for text in texts]


def guess_column(cells: pd.Series, style: NumberStyle) -> pd.Series:
    """Return numbers where every filled cell is one, else texts."""
    if is_bool_dtype(cells.dtype) and not cells.isna().any():
        return cells.astype(bool)
    values, bad = parse_numbers(cells, style)
    if bad or np.isnan(values).all():
        return text_series(plain_texts(cells))
    return tidy_numbers(pd.Series(values))


def _booleans(cells: pd.Series, column: Field) -> tuple[pd.Series, dict[int, str]]:
    words = dict.fromkeys(YES, True) | dict.fromkeys(NO, False)
    words |= dict.fromkeys(column.true_values, True)
    words |= dict.fromkeys(column.false_values, False)
    values: list[bool | None] = []
    bad: dict[int, str] = {}
    for i, cell in enumerate(cells):
        text = plain_text(cell)
        folded = None if text is None else text.casefold()
        values.append(None if folded is None else words.get(folded))
        if folded is not None and folded not in words:
            bad[i] = quoted(cell)
    whole = all(value is not None for value in values)
    return pd.Series(values, dtype="bool" if whole else "boolean"), bad


def text_series(texts: Sequence[str | None]) -> pd.Series:
    """Return texts as a column; a column of nothing but blanks stays of object type."""
    if all(text is None for text in texts):
        return pd.Series([None] * len(texts), dtype=object)
    return pd.Series(list(texts))


def tidy_numbers(values: pd.Series) -> pd.Series:
    """Return whole numbers without gaps as integers, else floats."""
    array = values.to_numpy(dtype=float)
    whole = np.isfinite(array) & (array % 1 == 0) & (np.abs(array) < 2**53)
    if not len(array) or not whole.all():
        return values
    return pd.Series(array.astype(np.int64), index=values.index, name=values.name)


# Other names of columns that mean the same.
_ALIASES = {
    "status_reason": "reason",
    "exclusion_reason": "reason",
    "value_decimals": "alpha_decimals",
}
# Names that other programs and papers give to the required columns.
_SYNONYMS = {
    "study_id": ("study", "studyid", "studyname", "id", "paper", "author", "authors"),
    "estimate": (
        "alpha",
        "alfa",
        "cronbach",
        "cronbachalpha",
        "cronbachsalpha",
        "coefficient",
        "reliability",
        "ai",
        "value",
    ),
    "n": ("ni", "nobs", "samplesize", "ss", "respondents", "npersons", "ntotal"),
    "n_items": (
        "items",
        "nitem",
        "mi",
        "m",
        "k",
        "numberofitems",
        "length",
        "nrofitems",
    ),
}


def rename_columns(table: RawTable, columns: Mapping[str, str]) -> RawTable:
    """Return the table under the names of the contract, its aliases included."""
    names = list(table.frame.columns)
    absent = [name for name in columns if name not in names]
    if absent:
        said = ", ".join(f"{name!r}{near(name, names)}" for name in absent)
        raise DataError(
            f"{table.source}: column {said} in {option('columns')} was not found; the "
            f"columns are {listing(names)}."
        )
    new = {name: columns.get(name, name) for name in names}
    for alias, name in _ALIASES.items():
        if alias in new.values() and name not in new.values():
            new |= {old: name for old in names if new[old] == alias}
    targets = list(new.values())
    repeated = sorted({name for name in targets if targets.count(name) > 1})
    if repeated:
        raise DataError(
            f"{table.source}: {option('columns')} gives several columns the name "
            f"{listing(repr(name) for name in repeated)}. Each needs its own."
        )
    return replace(
        table,
        frame=table.frame.rename(columns=new),
        letters={new[name]: letter for name, letter in table.letters.items()},
        renamed=table.renamed | dict(columns),
    )


def missing_columns(table: RawTable, missing: Sequence[str]) -> list[Finding]:
    """Return an error for each required column that is not there, with a guess."""
    free = [str(name) for name in table.frame if name not in REQUIRED]
    plain = {name: "".join(c for c in name.lower() if c.isalnum()) for name in free}
    guesses: dict[str, str] = {}
    for wanted in missing:
        options = {wanted.replace("_", ""), *_SYNONYMS[wanted]}
        left = [name for name in free if name not in guesses]
        exact = [name for name in left if plain[name] in options]
        close = get_close_matches(wanted, left, n=1, cutoff=0.75)
        for name in [*exact, *close][:1]:
            guesses[name] = wanted
    spelled = {new: old for old, new in table.renamed.items()}
    own = [spelled.get(str(name), name) for name in table.frame]
    advice = f"The table has {listing(own)}. "
    if guesses:
        told = table.renamed | guesses
        advice += f"Did you mean {option('columns', told)}?"
        return _absent(missing, advice)
    sets = numbered_sets(table.frame.columns) if len(missing) == len(REQUIRED) else []
    if sets:
        first, last = sets[0][0][0], sets[0][0][-1]
        return _absent(
            missing,
            f"{advice}Answers to items, as {first} to {last} seem to be, become "
            f"coefficients with {command('reliability_by_study')}.",
        )
    if not missing:
        return []
    named = option("columns", {"its name": missing[0]})
    return _absent(missing, f"{advice}Name a column with {named}, or add it.")


def _absent(missing: Sequence[str], advice: str) -> list[Finding]:
    return [
        Finding(column=name, severity="error", rule="is missing", advice=advice)
        for name in missing
    ]
