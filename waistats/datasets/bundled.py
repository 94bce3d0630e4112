"""Tables that come with waistats: published coefficients and SIMULATED studies."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from waistats._caller import command
from waistats._files import data_json, data_path
from waistats.datasets.simulated_studies import simulate_hanson_study
from waistats.errors import DataError, listing, near
from waistats.io._codebook import codebook, fields, parse_table, resource, validate
from waistats.io._files import read_table
from waistats.io._findings import problem
from waistats.io.check import require_coefficients


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A data set that a seeded program makes instead of a file.

    Attributes
    ----------
    make : callable
        Makes the frame; its column ``provenance`` says SIMULATED.
    rows : int
        Rows of the frame.
    description : str
        What it mimics, in a sentence.
    """

    make: Callable[[], pd.DataFrame]
    rows: int
    description: str


def _simulated_hanson() -> pd.DataFrame:
    """Return the answers of all versions below each other, with their version."""
    frames = simulate_hanson_study().frames
    widest = max(frames.values(), key=lambda frame: frame.shape[1])
    together = pd.concat(
        [frame.assign(version=name) for name, frame in frames.items()],
        ignore_index=True,
    )
    return together[["version", *widest.columns]]


GENERATED: dict[str, Generated] = {
    "simulated_hanson": Generated(
        make=_simulated_hanson,
        rows=3075,
        description=(
            "SIMULATED answers of a study of the shape of Hanson et al. (2002): five "
            "versions, 12 scales, 67 alphas of 29 studies. Nothing else is theirs. "
            "Items that a version does not have are empty."
        ),
    ),
}


def load_dataset(name: str) -> pd.DataFrame:
    """Load a data set that comes with waistats.

    Parameters
    ----------
    name : str
        A name of `list_datasets`: ``"wai"`` (coefficients), ``"wai_induction"`` (who
        quotes them), ``"wai_queue"`` (what is to be read), ``"wai_recomputed"`` (from
        open answers), ``"hanson2002"``, ``"cesd"``, ``"mibs"``, or a SIMULATED study.
        The name of the file does as well.

    Returns
    -------
    pandas.DataFrame
        The validated table. Coefficient tables have the columns of
        `read_coefficients`; what each means is in ``data/datapackage.json``.

    Raises
    ------
    DataError
        If there is no such data set, or it has to be fetched from elsewhere.

    Examples
    --------
    >>> load_dataset("cesd")[["study_id", "estimate", "n", "n_items"]].head(2)
      study_id  estimate    n  n_items
    0        1      0.93  103       20
    1        2      0.91   64       20
    """
    if not isinstance(name, str):
        raise DataError(f"the name of a data set must be a string; got {name!r}.")
    if name in GENERATED:
        return GENERATED[name].make()
    tables = {entry["name"]: entry for entry in _tables()}
    by_file = {entry["path"].removesuffix(".csv"): entry for entry in _tables()}
    entry = tables.get(name) or by_file.get(name)
    if entry is not None:
        return _read_bundled(entry["name"])
    remote = data_json("remote.json")["datasets"]
    if name in remote or name in {a for e in remote.values() for a in e["aliases"]}:
        raise DataError(
            f"{name!r} does not come with waistats: "
            f"{command('fetch_dataset', str(name))} brings it into your cache."
        )
    if name == "instruments":
        raise DataError(
            "'instruments' is not a data set: list_instruments() shows the forms."
        )
    known = [*tables, *GENERATED]
    raise DataError(
        f"there is no data set {name!r}{near(name, [*known, *by_file])}; "
        f"there are {listing(known)}, and to be downloaded {listing(remote)}."
    )


def list_datasets() -> pd.DataFrame:
    """List the data sets that waistats has, makes or knows how to fetch.

    Returns
    -------
    pandas.DataFrame
        ``name``, ``kind`` (bundled or simulated: `load_dataset`; remote:
        `fetch_dataset`), ``rows``, ``description``, ``licence``, ``source``.

    Examples
    --------
    >>> list_datasets().query("kind == 'bundled'")[["name", "rows"]]
                 name  rows
    0             wai    75
    1   wai_induction    10
    2       wai_queue    85
    3  wai_recomputed    18
    4      hanson2002    11
    5            cesd     9
    6            mibs    33
    """
    own = str(codebook()["licenses"][0]["name"])
    rows: list[dict[str, Any]] = [
        {
            "name": entry["name"],
            "kind": "bundled",
            "rows": len(read_table(data_path(entry["path"])).frame),
            "description": entry["description"],
            "licence": entry["licenses"][0]["name"],
            "source": "; ".join(
                " ".join(filter(None, (s["title"], s.get("path", ""))))
                for s in entry["sources"]
            ),
        }
        for entry in _tables()
    ]
    rows += [
        {
            "name": name,
            "kind": "simulated",
            "rows": entry.rows,
            "description": entry.description,
            "licence": own,
            "source": "SIMULATED by waistats",
        }
        for name, entry in GENERATED.items()
    ]
    rows += [
        {
            "name": name,
            "kind": "remote",
            "rows": entry["rows"],
            "description": entry["description"],
            "licence": entry["licence"],
            "source": entry["citation"],
        }
        for name, entry in data_json("remote.json")["datasets"].items()
    ]
    return pd.DataFrame(rows)


def _tables() -> list[dict[str, Any]]:
    return [entry for entry in codebook()["resources"] if entry["format"] == "csv"]


def _read_bundled(name: str) -> pd.DataFrame:
    table = read_table(data_path(resource(name)["path"]))
    columns = fields(name)
    if "estimate" in {column.name for column in columns}:
        return require_coefficients(table, codebook=columns)
    frame, findings = parse_table(table, columns)
    error = problem(table.source, [*findings, *validate(frame, columns, table)])
    if error is not None:
        raise error
    return frame
