"""TOML and JSON files: read whole, or refused with the line that is wrong."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from waistats.errors import DataError
from waistats.io._numbers import quoted


def read_toml(path: Path) -> dict[str, Any]:
    """Return the keys of a TOML file.

    Raises
    ------
    DataError
        If there is no such file, it cannot be read, or it is not TOML.
    """
    text = _text(path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path}: {_toml_problem(str(error), text)}") from error


def read_json(path: Path, advice: str) -> Any:
    """Return what a JSON file holds; ``advice`` ends the error where it is not JSON.

    Raises
    ------
    DataError
        If there is no such file, it cannot be read, or it is not JSON.
    """
    text = _text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}: line {error.lineno}, column {error.colno} is not valid JSON. "
            f"{advice}"
        ) from error
    except RecursionError as error:
        raise DataError(
            f"{path}: is not valid JSON: it is nested too deeply. {advice}"
        ) from error


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"{path}: no such file. Check the name and the folder."
        ) from None
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or 'refused by the system'}). "
            "Check the name and its read permission."
        ) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}: line {line} is not text in UTF-8. Save the file in UTF-8."
        ) from error


def _toml_problem(said: str, text: str) -> str:
    """Return where a text is not TOML, and what to do."""
    place = re.search(r"at line (\d+), column (\d+)", said)
    lines = text.splitlines()
    # an open bracket or quotation mark is noticed at the end of the file only
    number = int(place[1]) if place else len(lines)
    line = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    shown = f" ({quoted(line)})" if line else ""
    if "overwrite" in said or "twice" in said or "declare" in said:
        return (
            f"line {number}{shown} repeats a key or a section of the file. Keep one of "
            "them."
        )
    if not place:
        return (
            "is not valid TOML: a bracket or quotation mark is not closed before the end "
            "of the file. Close it."
        )
    return (
        f"line {number}{shown} is not valid TOML. Write key = value, with text in "
        'quotation marks and lists in brackets, such as candidates = ["age", "country"].'
    )
