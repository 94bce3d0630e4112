"""Several coefficient tables to one, nothing twice; the folder of computed ones."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from waistats._files import new_folder, write_csv
from waistats._frames import is_frame, is_name
from waistats.errors import DataError, listing
from waistats.io.readers import read_coefficients
from waistats.measures import OWN, prepared, texts_of, with_coefficient_ids
from waistats.measures._known import known_covariance
from waistats.meta._covariance import PAIRS, blocks_of_pairs, covariance_pairs
from waistats.reliability.registry import find_coefficient

COEFFICIENTS, COVARIANCE, INTAKE = "coefficients.csv", "covariance.csv", "intake.csv"
_RECORD = ("finding", "severity", "where", "decision", "by")


def has_covariance(coefficient: str) -> bool:
    """Return whether coefficients of this kind have a sampling covariance."""
    return find_coefficient(coefficient).gradient is not None


def write_reliability(
    table: pd.DataFrame, path: str | Path, *, force: bool = False
) -> list[str]:
    """Write a coefficient table with everything its ``attrs`` know; return the files.

    ``coefficients.csv``; ``covariance.csv``, the sampling covariance of coefficients
    that share persons, by pairs of ``coefficient_id``; ``intake.csv``, what was decided
    when the answers were read.
    """
    with new_folder(path, force=force) as folder:
        return write_into(table, folder)


def write_into(table: pd.DataFrame, folder: Path) -> list[str]:
    """Write the files of `write_reliability` into a folder that is being made."""
    pairs = covariance_pairs(table)
    records = table.attrs.get("intake")
    written = [COEFFICIENTS]
    write_csv(table, folder / COEFFICIENTS)
    if pairs is not None:
        write_csv(pairs, folder / COVARIANCE)
        written.append(COVARIANCE)
    if records:
        write_csv(pd.DataFrame(records, columns=list(_RECORD)), folder / INTAKE)
        written.append(INTAKE)
    return written


def read_intake(path: str | Path) -> list[dict[str, str]]:
    """Return what ``intake.csv`` says, for ``attrs["intake"]`` of the table next to it.

    Raises
    ------
    DataError
        If the file is not such a list.
    """
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    absent = [name for name in _RECORD if name not in frame]
    if absent:
        raise DataError(f"{path}: columns are missing: {', '.join(absent)}.")
    records: list[Mapping[Any, Any]] = frame[list(_RECORD)].to_dict("records")
    return [{str(k): str(v) for k, v in record.items()} for record in records]


def read_tables(paths: Sequence[str | Path], **options: Any) -> list[pd.DataFrame]:
    """Read coefficient tables from files and from folders of `waistats alpha`.

    Parameters
    ----------
    paths : sequence of path
        Files, or folders that hold ``coefficients.csv``; a ``covariance.csv`` next to it
        becomes the table's ``attrs["V"]``, an ``intake.csv`` its ``attrs["intake"]``.
    **options
        Of `read_coefficients`.

    Raises
    ------
    DataError
        For files that cannot be read, the same file twice, folders without a table, and
        a study that two files have.
    """
    tables: list[pd.DataFrame] = []
    places: dict[str, str] = {}
    twice: dict[str, list[str]] = {}
    seen: set[Path] = set()
    for path in paths:
        folder = Path(path)
        file: str | Path = path
        if folder.is_dir():
            file = folder / "coefficients.csv"
            if not file.exists():
                raise DataError(
                    f"{folder}: is a folder without coefficients.csv, which `waistats "
                    "alpha --output` writes. Name the file of coefficients."
                )
        if str(file) != "-" and (resolved := Path(file).resolve()) in seen:
            raise DataError(f"{file}: is named twice. Name each file once.")
        elif str(file) != "-":
            seen.add(resolved)
        table = read_coefficients(file, **options)
        covariance = Path(file).with_name("covariance.csv")
        if folder.is_dir() and covariance.exists():
            pairs = pd.read_csv(covariance, dtype=dict.fromkeys(PAIRS[:3], str))
            table.attrs["V"], table.attrs["V_measure"] = blocks_of_pairs(
                pairs, str(covariance)
            )
        intake = Path(file).with_name(INTAKE)
        if folder.is_dir() and intake.exists():
            table.attrs["intake"] = read_intake(intake)
        for study in dict.fromkeys(texts_of(table, "study_id")):
            first = places.setdefault(study, str(path))
            if first != str(path):
                twice.setdefault(study, [first]).append(str(path))
        tables.append(table)
    if twice:
        told = listing(f"{study} ({' and '.join(at)})" for study, at in twice.items())
        raise DataError(
            f"These studies appear in more than one file: {told}. Rename them if they "
            "are different studies, or leave one out."
        )
    return tables


def combine_tables(coefficients: Any) -> pd.DataFrame:
    """Return one coefficient table from one or several.

    Published coefficients and those computed from responses can be joined. Ids are
    text; rows of later tables whose ``coefficient_id`` is taken get a suffix, and the
    same study in two tables is refused, since its samples would count twice.

    Raises
    ------
    DataError
        For what is not a table, missing columns, or a study that appears in two tables.
    """
    if is_frame(coefficients):
        tables = [coefficients]
    elif isinstance(coefficients, (list, tuple)) and coefficients:
        tables = list(coefficients)
    elif is_name(coefficients):
        raise DataError(
            f"coefficients must be a table, but {os.fspath(coefficients)!r} is a name. "
            "read_coefficients() reads a file, load_dataset() a bundled table."
        )
    else:
        hint = "read_coefficients() makes a table of a file"
        if type(coefficients).__name__ == "ResponseSummaries":
            hint = "reliability_by_study() makes a table of these sums"
        elif isinstance(coefficients, (str, Path)):
            hint = f"read_coefficients({str(coefficients)!r}) reads the file"
        raise DataError(
            "coefficients must be a coefficient table or a list of them; got "
            f"{type(coefficients).__name__}. {hint}."
        )
    tables = [
        with_coefficient_ids(prepared(table).reset_index(drop=True), at=1)
        for table in tables
    ]
    if len(tables) == 1:
        return tables[0]
    covariances = [known_covariance(table) or {} for table in tables]
    scales = {t.attrs.get("V_measure", "bonett") for t in tables if t.attrs.get("V")}
    if len(scales) > 1:
        raise DataError(
            f"Sampling covariances of the tables are on different scales: "
            f"{listing(sorted(scales))}. Compute them with the same covariance=."
        )
    seen: dict[str, int] = {}
    twice = set()
    for i, table in enumerate(tables):
        for study in table["study_id"].unique():
            if seen.setdefault(study, i) != i:
                twice.add(study)
    if twice:
        raise DataError(
            f"These studies appear in more than one table: {listing(sorted(twice))}. "
            "Rename them if they are different studies, or leave one out."
        )
    taken: set[str] = set()
    for i, table in enumerate(tables):
        old = _ids(table)
        ids = [c if c not in taken else f"{c} (table {i + 1})" for c in old]
        table["coefficient_id"] = ids
        if ids != old:
            covariances[i] = _relabelled(
                covariances[i], dict(zip(old, ids, strict=True))
            )
        taken.update(ids)
    if any("reliability_status" in table for table in tables):
        # a table without the column tells of its own samples only
        for table in tables:
            if "reliability_status" not in table:
                table["reliability_status"] = OWN
    notes = [note for table in tables for note in table.attrs.get("notes", ())]
    intake = [row for table in tables for row in table.attrs.get("intake", ())]
    for table in tables:
        # pandas compares attrs when it joins frames
        table.attrs = {}
    frames = [table.dropna(axis=1, how="all") for table in tables]
    whole = pd.concat(frames, ignore_index=True)
    names = list(dict.fromkeys(c for table in tables for c in table.columns))
    whole = whole.reindex(columns=names)
    if notes:
        whole.attrs["notes"] = tuple(notes)
    if intake:
        whole.attrs["intake"] = intake
    if any(covariances):
        whole.attrs["V"] = {k: v for V in covariances for k, v in V.items()}
        whole.attrs["V_measure"] = scales.pop()
    return whole


def _relabelled(V: dict[str, Any], new: dict[str, str]) -> dict[str, Any]:
    """Return covariance blocks under the new ids of their coefficients."""
    return {
        study: block.rename(index=new, columns=new)
        if isinstance(block, pd.DataFrame)
        else block
        for study, block in V.items()
    }


def _ids(table: pd.DataFrame) -> list[str]:
    return [str(v) for v in table["coefficient_id"]]
