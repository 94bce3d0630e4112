"""What is needed to make a report again: versions, data, call."""

import hashlib
import importlib.metadata
import platform
from collections.abc import Sequence

import pandas as pd

from waistats.output import guarded

# those that numbers and drawings depend on, and those that read files
LIBRARIES = (
    "numpy", "pandas", "scipy", "statsmodels", "pingouin", "formulaic", "matplotlib",
    "pandera", "pyarrow", "pyreadstat", "openpyxl", "jinja2",
)  # fmt: skip


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return a table as the bytes of its CSV file, unrounded, safe in a spreadsheet."""
    return guarded(frame).to_csv(index=False, lineterminator="\n").encode("utf-8")


def data_hash(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of a table's CSV file."""
    return hashlib.sha256(csv_bytes(frame)).hexdigest()


def colophon(tables: Sequence[pd.DataFrame], call: str) -> list[str]:
    """Return the lines of the colophon; no clock, no path and no host is in it."""
    from waistats import __version__

    versions = [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    lines = [
        f"Made by waistats {__version__} on {platform.python_implementation()} "
        f"{platform.python_version()} ({platform.system()}, {platform.machine()}) with "
        f"{', '.join(versions)}.",
    ]
    lines += [
        f"Data: {len(table)} rows, SHA-256 of the CSV {data_hash(table)}."
        for table in tables
    ]
    lines.append(f"Call: {call}")
    return lines
