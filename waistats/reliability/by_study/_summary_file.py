"""Summaries as a file: JSON by a published schema, with nothing else in it."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from waistats._caller import command
from waistats._typing import FloatArray
from waistats.errors import DataError, listing
from waistats.instruments._findings import FINDINGS, Finding
from waistats.io._documents import read_json
from waistats.reliability.by_study._blocks import Between, Block
from waistats.reliability.by_study._layout import CARRIED, CELL
from waistats.reliability.by_study._summarise import Part

FORMAT, VERSION = "waistats response summaries", 1
_OWN = ("study_id", "sample_id", CELL, "given")
_MOST_NAMED = 6


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of the file."""
    path = Path(__file__).with_name("summaries.schema.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def content_of(part: Part) -> dict[str, Any]:
    """Return a part as the content of its file."""
    facts = [c for c in CARRIED if c in part.samples]
    by = [c for c in part.samples.columns if c not in (*_OWN, *facts)]
    samples = [
        {
            "study_id": row["study_id"],
            "sample_id": row["sample_id"],
            "cell": row.get(CELL, row["sample_id"]),
            "by": {str(c): str(row[c]) for c in by},
            "facts": {c: row[c] if isinstance(row[c], str) else None for c in facts},
            "given": int(row["given"]) if row["given"] >= 0 else None,
        }
        for row in part.samples.to_dict("records")
    ]
    limits = part.response_range
    return {
        "format": FORMAT,
        "version": VERSION,
        "moments": part.moments,
        "min_n": part.min_n,
        "instrument": part.instrument,
        "reversed": list(part.reversed),
        "response_range": None if limits is None else [float(x) for x in limits],
        "linked": part.linked,
        "scales": [
            {"rater": rater, "scale": scale, "items": list(items)}
            for (rater, scale), items in part.scales.items()
        ],
        "samples": samples,
        "blocks": [
            {
                "sample": block.sample,
                "scales": list(block.scales),
                "items": list(block.items),
                "shift": _numbers(block.shift),
                "matrix": [
                    _numbers(row[: i + 1]) for i, row in enumerate(block.matrix)
                ],
            }
            for block in part.blocks
        ],
        "between": [
            {
                "first": one.first,
                "second": one.second,
                "matrix": None
                if one.matrix is None
                else [_numbers(row) for row in one.matrix],
            }
            for one in part.between
        ],
        "withheld": [
            {"sample": sample, "scale": scale}
            for sample, scale in sorted(part.withheld)
        ],
        "findings": [
            {
                "severity": one.severity,
                "finding": one.finding,
                "text": one.text,
                "n": one.n,
                "by": one.by,
            }
            for one in part.findings
        ],
    }


def _numbers(values: FloatArray) -> list[float | int]:
    """Return numbers, whole ones without decimals."""
    return [int(x) if x.is_integer() and abs(x) < 2**53 else x for x in values.tolist()]


def text_of(part: Part) -> str:
    """Return the text of the file, checked: nothing but what the schema describes."""
    content = content_of(part)
    check_content(content, part.source)
    # a line for each entry, so that a person can look through the file
    members = []
    for name, value in content.items():
        told = _json(value)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            told = "[\n" + ",\n".join(map(_json, value)) + "\n]"
        members.append(f"{_json(name)}: {told}")
    return "{\n" + ",\n".join(members) + "\n}\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def part_of(content: Any, source: str) -> Part:
    """Return the part that a file describes; a DataError for anything wrong in it."""
    check_content(content, source)
    scales = {
        (one["rater"], one["scale"]): tuple(one["items"]) for one in content["scales"]
    }
    items = list(scales.values())
    rows = [
        {
            "study_id": one["study_id"],
            "sample_id": one["sample_id"],
            CELL: one["cell"],
            **one["by"],
            **{k: v for k, v in one["facts"].items() if v is not None},
            "given": -1 if one["given"] is None else one["given"],
        }
        for one in content["samples"]
    ]
    blocks = []
    for one in content["blocks"]:
        place = {name: j for j, name in enumerate(one["items"])}
        size = len(one["matrix"])
        matrix = np.zeros((size, size))
        for i, row in enumerate(one["matrix"]):
            matrix[i, : i + 1] = matrix[: i + 1, i] = row
        fourth = content["moments"] == 4
        blocks.append(
            Block(
                sample=one["sample"],
                scales=tuple(one["scales"]),
                items=tuple(one["items"]),
                groups=tuple(
                    np.array([place[name] for name in items[s]]) for s in one["scales"]
                )
                if fourth
                else (),
                shift=np.array(one["shift"], dtype=np.float64),
                matrix=matrix,
            )
        )
    limits = content["response_range"]
    samples = pd.DataFrame(rows)
    texts = [c for c in samples.columns if c != "given"]
    samples[texts] = samples[texts].astype(object)
    return Part(
        moments=content["moments"],
        min_n=content["min_n"],
        scales=scales,
        samples=samples,
        blocks=tuple(blocks),
        between=tuple(
            Between(
                first=one["first"],
                second=one["second"],
                matrix=None
                if one["matrix"] is None
                else np.array(one["matrix"], dtype=np.float64),
            )
            for one in content["between"]
        ),
        withheld=frozenset(
            (one["sample"], one["scale"]) for one in content["withheld"]
        ),
        findings=tuple(Finding(**one) for one in content["findings"]),
        instrument=content["instrument"],
        reversed=tuple(content["reversed"]),
        response_range=None if limits is None else (limits[0], limits[1]),
        linked=content["linked"],
        source=source,
    )


def read_part(path: Path) -> Part:
    """Return the part in a file."""
    content = read_json(path, f"Write it again with {command('summarize_responses')}.")
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError(
            f"{path}: holds no response summaries; they are written by "
            f"{command('summarize_responses')}. Answers are not read from JSON: save "
            "them as .csv."
        )
    if content.get("version") != VERSION:
        raise DataError(
            f"{path}: is version {content.get('version')!r} of response summaries; this "
            f"version of waistats reads version {VERSION}."
        )
    return part_of(content, str(path))


def check_content(content: Any, source: str) -> None:
    """Raise a DataError unless a file holds what the schema describes and nothing else.

    Beyond the schema: places and sizes fit, sums are possible, no block has fewer than
    ``min_n`` people, and every finding is a known one.
    """
    wrong = list(schema_errors(content, schema()))
    if not wrong:
        wrong = list(_inner_errors(content))
    if wrong:
        raise DataError(
            f"{source}: not valid response summaries: {listing(wrong, _MOST_NAMED)}. Make "
            f"the file again with {command('summarize_responses')}."
        )


_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda x: isinstance(x, dict),
    "array": lambda x: isinstance(x, list),
    "string": lambda x: isinstance(x, str),
    "boolean": lambda x: isinstance(x, bool),
    "null": lambda x: x is None,
    "number": lambda x: (
        isinstance(x, int | float) and not isinstance(x, bool) and bool(np.isfinite(x))
    ),
    "integer": lambda x: (
        not isinstance(x, bool)
        and (isinstance(x, int) or (isinstance(x, float) and x.is_integer()))
    ),
}


def schema_errors(value: Any, rule: dict[str, Any], where: str = "") -> Iterator[str]:
    """Yield what in a value breaks a JSON Schema of the kinds that ours uses."""
    here = where or "the file"
    kinds = rule.get("type")
    if kinds is not None:
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if not any(_TYPES[kind](value) for kind in kinds):
            yield f"{here} must be {' or '.join(kinds)}"
            return
    if "const" in rule and value != rule["const"]:
        yield f"{here} must be {rule['const']!r}"
    if "enum" in rule and value not in rule["enum"]:
        yield f"{here} must be one of {listing(map(repr, rule['enum']))}"
    if "minimum" in rule and _TYPES["number"](value) and value < rule["minimum"]:
        yield f"{here} must be at least {rule['minimum']}"
    if isinstance(value, dict):
        known = rule.get("properties", {})
        for name in rule.get("required", ()):
            if name not in value:
                yield f"{here} has no {name!r}"
        other = rule.get("additionalProperties", True)
        for name, part in value.items():
            inner = f"{where}.{name}" if where else str(name)
            if name in known:
                yield from schema_errors(part, known[name], inner)
            elif other is False:
                yield f"{inner} does not belong here"
            elif isinstance(other, dict):
                yield from schema_errors(part, other, inner)
    if isinstance(value, list):
        if len(value) < rule.get("minItems", 0):
            yield f"{here} must have at least {rule['minItems']} entries"
        if len(value) > rule.get("maxItems", len(value)):
            yield f"{here} must have at most {rule['maxItems']} entries"
        if "items" in rule:
            for i, part in enumerate(value):
                yield from schema_errors(part, rule["items"], f"{where}[{i}]")


def _inner_errors(content: dict[str, Any]) -> Iterator[str]:
    scales, samples = content["scales"], content["samples"]
    blocks, least = content["blocks"], content["min_n"]
    keys = [(one["rater"], one["scale"]) for one in scales]
    if len(set(keys)) < len(keys):
        yield "two scales have the same name"
    if len({one["cell"] for one in samples}) < len(samples):
        yield "two samples have the same cell"
    if len({frozenset(one["by"]) for one in samples}) > 1:
        yield "samples are split by different columns"
    if unknown := {f for one in samples for f in one["facts"] if f not in CARRIED}:
        yield f"facts {listing(sorted(unknown))} do not belong here"
    known = set(FINDINGS)
    for i, one in enumerate(content["findings"]):
        if one["finding"] not in known:
            yield f"findings[{i}] is of an unknown kind"
    told: set[tuple[int, int]] = set()
    for i, block in enumerate(blocks):
        where = f"blocks[{i}]"
        if block["sample"] >= len(samples) or max(block["scales"]) >= len(scales):
            yield f"{where} names a sample or scale that is not there"
            return
        m = len(block["items"])
        size = 1 + m + (2 * len(block["scales"]) if content["moments"] == 4 else 0)
        rows = [len(row) for row in block["matrix"]]
        if len(block["shift"]) != m or rows != list(range(1, size + 1)):
            yield f"{where} has sums that do not fit its items"
            continue
        if any(set(scales[s]["items"]) - set(block["items"]) for s in block["scales"]):
            yield f"{where} lacks items of its scales"
        extra = set(block["items"]).difference(
            *(scales[s]["items"] for s in block["scales"])
        )
        if extra or len(set(block["items"])) < m:
            yield f"{where} has items that its scales do not have"
        n = block["matrix"][0][0]
        if n != int(n) or n < least:
            yield f"{where} is of fewer than {least} people"
        if not _possible(block["matrix"]):
            yield f"{where} has sums that no answers have"
        pairs = {(block["sample"], s) for s in block["scales"]}
        if pairs & told:
            yield f"{where} repeats a scale of its sample"
        told |= pairs
        if samples[block["sample"]]["given"] is None:
            yield f"{where} is of a sample that was withheld"
    wanted = {(i, s) for i in range(len(samples)) for s in range(len(scales))}
    if told | {(one["sample"], one["scale"]) for one in content["withheld"]} != wanted:
        yield "some samples have neither sums nor the word that they were withheld"
    for i, one in enumerate(content["between"]):
        if content["moments"] == 2:
            yield "sums between blocks need moments 4"
            return
        if not one["first"] < one["second"] < len(blocks):
            yield f"between[{i}] names a block that is not there"
            continue
        if one["matrix"] is None:
            continue
        shape = [len(blocks[one["second"]]["matrix"])] * len(
            blocks[one["first"]]["matrix"]
        )
        if [len(row) for row in one["matrix"]] != shape:
            yield f"between[{i}] does not fit its blocks"
        elif one["matrix"][0][0] < least:
            yield f"between[{i}] is of fewer than {least} people"


def _possible(triangle: list[list[float]]) -> bool:
    """Return whether sums of products have no negative eigenvalue, to rounding."""
    size = len(triangle)
    matrix = np.zeros((size, size))
    for i, row in enumerate(triangle):
        matrix[i, : i + 1] = matrix[: i + 1, i] = row
    scale = np.sqrt(np.maximum(np.diagonal(matrix), 0.0))
    if (np.diagonal(matrix) < 0).any():
        return False
    scale = np.where(scale > 0, scale, 1.0)
    return bool(np.linalg.eigvalsh(matrix / np.outer(scale, scale))[0] > -1e-8 * size)
