"""Where the data of waistats are: inside the installed package or in the checkout."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from waistats.errors import DataError, listing, near

_MARK = "datapackage.json"


@cache
def data_folder() -> Path:
    """Return the folder that holds ``datapackage.json`` and the bundled tables."""
    package = Path(__file__).parent
    # A wheel carries data/ inside the package; a checkout keeps it beside the package.
    for folder in (package / "data", package.parent / "data"):
        if (folder / _MARK).is_file():
            return folder
    raise DataError(
        f"the data of waistats are missing: no data/{_MARK} in or beside {package}. "
        "Install waistats again."
    )


def data_path(name: str) -> Path:
    """Return the path of a bundled file, such as ``"instruments.json"``."""
    folder = data_folder()
    path = folder / name
    if not path.is_file():
        known = sorted(p.name for p in folder.iterdir() if p.is_file())
        raise DataError(
            f"{name!r} is no data file of waistats{near(name, known)}; there are "
            f"{listing(known)}."
        )
    return path


def data_json(name: str) -> Any:
    """Return the content of a bundled JSON file, read anew at each call."""
    return json.loads(data_path(name).read_text(encoding="utf-8"))
