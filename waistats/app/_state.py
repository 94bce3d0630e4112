"""What was chosen in the app, and what follows from it; nothing here knows of the page.

Choices are frozen and hashable. From them follow the results, by the package's public
functions, and the Python and the commands that give the same. The functions run in the
process of `_work`, which keeps the last files and results by their choices.
"""

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import pandas as pd

from waistats.app._study import Chosen, SampleChoices, StudyChoices
from waistats.errors import visible
from waistats.intake.session import Session, begin

Pairs = tuple[tuple[str, Any], ...]
_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """A file of answers, and what was answered to what it does not say.

    Attributes
    ----------
    name : str
        The file in the private folder; empty without one.
    number : int
        Which file of this name it is, where one took the place of another.
    reading : tuple of pairs
        Options of `read_responses`.
    answers : tuple of pairs
        Questions of the intake session and their answers, in order.
    """

    name: str = ""
    number: int = 0
    reading: Pairs = ()
    answers: tuple[tuple[str, str], ...] = ()

    def answered(self, id: str, value: str) -> "Data":
        """Return the choices with one more answer."""
        return replace(self, answers=(*self.answers, (id, value)))

    def taken_back(self, id: str) -> "Data":
        """Return the choices without an answer and those that came after it."""
        kept = []
        for name, value in self.answers:
            if name == id:
                break
            kept.append((name, value))
        return replace(self, answers=tuple(kept))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How the coefficients of the own data are computed."""

    coefficient: str = "alpha"
    ci: str = "feldt"
    missing: str = "listwise"
    conf_level: float = 0.95

    def options(self) -> dict[str, Any]:
        """Return what differs from the defaults of `reliability_by_study`."""
        usual = Reliability()
        names = ("coefficient", "ci", "missing", "conf_level")
        given = {name: getattr(self, name) for name in names}
        return {n: of for n, of in given.items() if of != getattr(usual, n)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Generalize:
    """Which coefficients are pooled, and how.

    Attributes
    ----------
    tables : tuple of Chosen
        Published tables, in order.
    own : bool
        Whether those of the own data are among them, after the others.
    study : StudyChoices
        Scale, model and moderators.
    sample : SampleChoices or None
        A sample whose reliability is predicted.
    """

    tables: tuple[Chosen, ...] = ()
    own: bool = True
    study: StudyChoices = field(default_factory=StudyChoices)
    sample: SampleChoices | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How forest plots and files of figures are made.

    Attributes
    ----------
    forest_columns : tuple of str
        Columns of text next to forest plots; empty: the usual ones.
    forest_by : str
        Column whose groups have a heading and a pooled value each; empty for none.
    figure_format : tuple of str
        Kinds of files of figures.
    theme : str
        How these are drawn.
    """

    forest_columns: tuple[str, ...] = ()
    forest_by: str = ""
    figure_format: tuple[str, ...] = ("svg",)
    theme: str = "colour"

    def forest(self) -> dict[str, Any]:
        """Return what differs from the defaults of `RGStudy.report`."""
        made: dict[str, Any] = {}
        if self.forest_columns:
            made["forest_columns"] = list(self.forest_columns)
        if self.forest_by:
            made["forest_by"] = self.forest_by
        return made

    def changed(self) -> dict[str, Any]:
        """Return what differs from the defaults of `waistats generalize`."""
        usual, made = Report(), self.forest()
        if self.figure_format != usual.figure_format:
            made["figure_format"] = list(self.figure_format)
        if self.theme != usual.theme:
            made["theme"] = self.theme
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Everything that was chosen in one session of the app."""

    data: Data = field(default_factory=Data)
    reliability: Reliability = field(default_factory=Reliability)
    generalize: Generalize = field(default_factory=Generalize)
    report: Report = field(default_factory=Report)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The same as Python and as commands of a terminal."""

    python: str = ""
    commands: str = ""


def safe_name(name: str) -> str:
    r"""Return the name of a file that names no folder and hides nothing.

    >>> safe_name("../../etc/pass\nwd.sav"), safe_name("<b>.csv"), safe_name("..")
    ('passwd.sav', '_b_.csv', 'file')
    """
    last = re.split(r"[\\/]", name)[-1]
    plain = "".join(sign for sign in last if sign.isprintable())
    plain = re.sub(r'[<>:"|?*&`$;]', "_", plain).strip(" .-")
    stem, dot, suffix = plain.rpartition(".")
    if dot and stem:
        plain = f"{stem[: _LONGEST_NAME - len(suffix)]}.{suffix[:20]}"
    return visible(plain[:_LONGEST_NAME]) or "file"


@lru_cache(maxsize=4)
def _begun(name: str, number: int, reading: Pairs) -> Session:
    return begin(name, **dict(reading))


@lru_cache(maxsize=16)
def intake(data: Data) -> Session:
    """Return the session of a file after its answers."""
    if not data.answers:
        return _begun(data.name, data.number, data.reading)
    before = replace(data, answers=data.answers[:-1])
    return intake(before).answer(*data.answers[-1])


@lru_cache(maxsize=4)
def own_table(data: Data, reliability: Reliability) -> pd.DataFrame:
    """Return the coefficient table of the own data."""
    return intake(data).run(**reliability.options())
