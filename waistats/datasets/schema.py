"""Checks of tables made from ``data/datapackage.json``, codebook and validator."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from waistats.datasets.findings import Finding
from waistats.datasets.numbers import plain_text, quoted
from waistats.datasets.table import RawTable
from waistats.errors import DataError, listing, near
from waistats.resources import data_json


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
    advice: str = "Correct it, or leave the cell empty where nothing is known."
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
    return data_json("datapackage.json")


def resource(name: str) -> dict[str, Any]:
    """Return the description of one bundled file."""
    known = {entry["name"]: entry for entry in codebook()["resources"]}
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


def pandera_schema(columns: Sequence[Field]) -> Any:
    """Return the pandera schema of parsed columns, made from their constraints.

    Parameters
    ----------
    columns : sequence of Field
        The fields of a table whose numbers are parsed already: pandera's own coercion
        hides range errors behind the first failure.

    Returns
    -------
    pandera.DataFrameSchema
        Columns may be absent; those that are there must satisfy their constraints.
    """
    import pandera.pandas as pa

    def checks(given: Mapping[str, Any], kind: str) -> list[Any]:
        made = []
        if kind == "integer":
            made.append(pa.Check(lambda s: s % 1 == 0))
        if "minimum" in given:
            made.append(pa.Check.ge(given["minimum"]))
        if "maximum" in given:
            made.append(pa.Check.le(given["maximum"]))
        if "exclusiveMaximum" in given:
            made.append(pa.Check.lt(given["exclusiveMaximum"]))
        if "enum" in given:
            made.append(pa.Check.isin(given["enum"]))
        if "pattern" in given:
            made.append(pa.Check.str_matches(f"^(?:{given['pattern']})$"))
        return made

    return pa.DataFrameSchema(
        {
            column.name: pa.Column(
                None,
                checks(column.constraints, column.type),
                nullable=not column.constraints.get("required", False),
                unique=column.constraints.get("unique", False),
                required=False,
            )
            for column in columns
        }
    )


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
    import pandera.pandas as pa

    known = {c.name: c for c in columns if c.name in frame and c.type != "boolean"}
    schema = pandera_schema(list(known.values()))
    try:
        with warnings.catch_warnings():
            # with pandas 2, pandera puts its report together in a deprecated way
            warnings.filterwarnings(
                "ignore", "The behavior of DataFrame concatenation", FutureWarning
            )
            schema.validate(frame.reset_index(drop=True), lazy=True)
    except pa.errors.SchemaErrors as error:
        failures = error.failure_cases
    else:
        return []
    found: dict[tuple[str, int], Finding] = {}
    for name, check, row in zip(
        failures["column"], failures["check"], failures["index"], strict=True
    ):
        key = (str(name), int(row))
        column = known[key[0]]
        cell = table.frame[key[0]].iloc[key[1]]
        if check == "not_nullable":
            rule, value = "must be filled", "empty"
        elif check == "field_uniqueness":
            rule, value = "must be different in every row", quoted(cell)
        else:
            rule, value = f"must be {column.expected}", shown(cell, column)
        found.setdefault(
            key,
            Finding(
                column=key[0],
                severity="error",
                rule=rule,
                value=value,
                advice=column.advice,
                place=table.place(key[1], key[0]),
                row=key[1],
                study_id=known_study(study_ids, key[1]),
            ),
        )
    return list(found.values())


def shown(cell: Any, column: Field) -> str:
    """Return a cell as a message shows it: numbers bare, texts quoted."""
    if column.type == "string" or isinstance(cell, str):
        text = str(cell).strip()
        return text if column.type != "string" else quoted(text)
    if isinstance(cell, float) and not math.isfinite(cell):
        return "infinite"
    return plain_text(cell) or "empty"
