"""What only the authors of a review can tell, and what is asked of them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from waistats._files import new_file
from waistats._format import Result
from waistats.errors import DataError, near
from waistats.io._documents import read_toml

# key -> what is asked, in the order of a paper
KEYS: Mapping[str, str] = MappingProxyType(
    {
        "title": "Title of the paper.",
        "authors": "Authors and affiliations.",
        "background": "The construct, the test and its versions.",
        "rationale": "Why reliability generalization is needed for this test.",
        "question": "Questions or aims of the study.",
        "criteria": "Inclusion and exclusion criteria.",
        "databases": "Databases, registers and other sources, with the dates searched.",
        "search": "Search strings, in full.",
        "selection": "Who screened, how many people, with what tools.",
        "extraction": "Who coded, by which manual, how authors were asked for data.",
        "quality": "How the quality of the studies was rated.",
        "certainty": "How certainty of the evidence was rated.",
        "deviations": "Deviations from the protocol.",
        "meaning": "What the main findings mean.",
        "limitations": "Limitations of the search, the coding and the studies.",
        "practice": "Implications for users of this test.",
        "research": "Implications for research.",
        "protocol": "Where the protocol is.",
        "registration": "Register and number.",
        "funding": "Sources of support and the role of the funders.",
        "interests": "Competing interests.",
        "availability": "Where data, code and other materials are.",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AuthorTexts(Result):
    """The words of a review's authors, by what they tell.

    Attributes
    ----------
    texts : mapping of str
        The text of each key that was given.
    source : str
        Where they were read.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    source: str = ""

    def __contains__(self, key: object) -> bool:
        return key in self.texts

    def get(self, key: str) -> str:
        """Return a text; empty where it was not given.

        Parameters
        ----------
        key : str
            One of the keys of `write_texts_template`.
        """
        return self.texts.get(key, "")

    @property
    def missing(self) -> list[str]:
        """Keys that were not given."""
        return [key for key in KEYS if key not in self.texts]

    def to_frame(self) -> pd.DataFrame:
        """Return ``key, asks, text``, blank where it is missing."""
        rows = [(key, asks, self.get(key)) for key, asks in KEYS.items()]
        return pd.DataFrame(rows, columns=["key", "asks", "text"])

    def heading(self) -> str:
        """Return how many were given."""
        return f"Texts of the authors: {len(self.texts)} of {len(KEYS)} given"


def read_texts(source: Any) -> AuthorTexts:
    """Read what only the authors know: aims, criteria, search, funding ...

    Parameters
    ----------
    source : path or mapping of str
        A TOML file of ``key = "text"`` lines (`write_texts_template` makes an empty
        one), or the texts by key.

    Returns
    -------
    AuthorTexts
        The texts; blank ones count as not given.

    Raises
    ------
    DataError
        If the file cannot be read, or a key is not known; all of them are named.

    Examples
    --------
    >>> texts = read_texts({"funding": "None.", "question": "How reliable is it?"})
    >>> texts.get("funding"), "search" in texts
    ('None.', False)
    """
    if isinstance(source, AuthorTexts):
        return source
    name = "texts"
    if isinstance(source, Mapping):
        given = dict(source)
    else:
        path = Path(os.fspath(source))
        name = str(path)
        given = read_toml(path)
    problems = [
        f"{key!r} is not known{near(str(key), tuple(KEYS))}"
        for key in given
        if key not in KEYS
    ]
    problems += [
        f"{key!r} must be text in quotation marks"
        for key, value in given.items()
        if key in KEYS and not isinstance(value, str)
    ]
    if problems:
        raise DataError(
            f"{name}: {'; '.join(problems)}. Known keys: {', '.join(KEYS)}."
        )
    filled = {k: " ".join(str(v).split()) for k, v in given.items() if str(v).strip()}
    return AuthorTexts(texts=filled, source=name)


def texts_template() -> str:
    """Return an empty file of texts, each with what is asked."""
    lines = [
        "# Information that only the authors have. Leave unknown entries empty.",
        "",
    ]
    for key, asks in KEYS.items():
        lines += [f"# {asks}", f'{key} = ""', ""]
    return "\n".join(lines)


def write_texts_template(path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write an empty file of the authors' texts, with what is asked of each.

    Parameters
    ----------
    path : str or path
        The file, ending ``.toml``.
    force : bool, default False
        Replace a file that is there.

    Returns
    -------
    Path
        The file.
    """
    target = Path(path)
    if target.suffix.lower() != ".toml":
        raise DataError(f"{target}: the texts are a TOML file; its name ends in .toml.")
    with new_file(target, force=force) as work:
        work.write_text(texts_template(), encoding="utf-8", newline="\n")
    return target
