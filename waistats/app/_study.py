"""The choices of a study and what they give: tables, models, moderators, predictions.

Nothing here knows of pages. A choice is a value of a closed list or the name of a column;
formulas are built from names, and results are those of the public functions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from waistats._labels import column_words
from waistats.datasets.bundled import load_dataset
from waistats.datasets.simulated_studies import simulate_hanson_study
from waistats.errors import DataError, ModelError, listing, visible
from waistats.intake.session import ONE_STUDY, Session
from waistats.io.check import check_coefficients
from waistats.io.readers import read_coefficients, read_responses
from waistats.measures import texts_of
from waistats.meta._formula import in_formula
from waistats.meta._prediction import DEFAULT_PREDICTION
from waistats.practice.prediction import ReliabilityPrediction, predict_reliability
from waistats.provenance import is_simulated
from waistats.reliability.by_study.api import reliability_by_study
from waistats.rg.classic import simulated_coefficients
from waistats.rg.combine import combine_tables
from waistats.rg.descriptives import CELL
from waistats.rg.generalize import generalize
from waistats.rg.moderators import CANDIDATES, moderator_term
from waistats.rg.study import RGStudy

# what a choice is called on the page, by the value that the package takes
SCALES: Mapping[str, str] = {
    "bonett": "Bonett: ln(1 − alpha), the usual choice",
    "hakstian-whalen": "Hakstian–Whalen: cube root of 1 − alpha",
    "raw": "alpha itself, not transformed",
    "fisher-z": "Fisher's z, for comparison with older studies",
}
ESTIMATORS: Mapping[str, str] = {
    "REML": "REML, the usual choice",
    "PM": "Paule–Mandel",
    "DL": "DerSimonian–Laird",
    "ML": "maximum likelihood",
    "EB": "empirical Bayes",
    "SJ": "Sidik–Jonkman",
    "HE": "Hedges",
    "HS": "Hunter–Schmidt",
    "CE": "common effect: no heterogeneity",
}
BIAS: Mapping[str, str] = {
    "none": "none, as metafor",
    "bonett": "Bonett's",
    "exact": "exact",
}
PREDICTIONS: Mapping[str, str] = {
    "confidence-distribution": "with the uncertainty of the heterogeneity",
    "metafor": "as metafor prints it",
}
MISSING: Mapping[str, str] = {
    "error": "stop and name the rows",
    "drop": "exclude those rows, by name",
}
CELLS: Mapping[str, str] = {
    "instrument": "Form",
    "rater": "Rater",
    "scale": "Scale",
}
# bundled tables of coefficients that can be studied
DATASETS: Mapping[str, str] = {
    "wai": "Published coefficients of the WAI",
    "cesd": "CES-D, nine studies (Bonett, 2010)",
    "mibs": "Mother-to-Infant Bonding Scale, 33 coefficients (Demir, 2022)",
}
SIMULATED_STUDY = "SIMULATED five-version study"

# columns that name or measure a coefficient and cannot explain it
_NOT_MODERATORS = frozenset(
    (
        *("study_id", "sample_id", "coefficient_id", "coefficient_type", "estimate"),
        *("estimate_low", "estimate_high", "n", "n_unit", "se", "ci_low", "ci_high"),
        *("status", "status_reason", "reason", "note", "flag", "provenance", "yi"),
        *("vi", "measure", "authors", "title", "doi", "source_url", "seen_in"),
        *("instrument_label", "evidence", "confidence", "n_items_derived"),
        *("modality_inferred", "n_excluded", "reliability_status", "alpha_decimals"),
        *("n_sample", "icc_form", "induced_source_doi", "score_metric"),
    )
)
_MOST_LEVELS = 12


Pairs = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A coefficient table that was chosen, and where it is.

    Attributes
    ----------
    kind : str
        ``"file"``, ``"dataset"``, ``"simulated"``, or ``"block"``: answers, with the
        options that the folder of a study has for them.
    name : str
        The file in the private folder, where the process works; or the name of a
        bundled table.
    reading : tuple of pairs
        Options of the file.
    number : int
        Which file of this name it is, where one took the place of another.
    """

    kind: str
    name: str = ""
    reading: Pairs = ()
    number: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """A coefficient table of a study, and how it is reproduced.

    Attributes
    ----------
    kind : str
        ``"file"``, ``"dataset"``, ``"responses"``, ``"simulated"`` or ``"block"``.
    name : str
        What it is called on the page.
    table : DataFrame
        The coefficients.
    reading : mapping
        Options of `read_coefficients`.
    dataset : str
        Name of a bundled table.
    python : str
        Lines of Python that make ``table`` of a file of answers.
    command : str
        The command that computes it, without where to write it.
    """

    kind: str
    name: str
    table: pd.DataFrame = field(repr=False)
    reading: Mapping[str, Any] = field(default_factory=dict)
    dataset: str = ""
    python: str = field(default="", repr=False)
    command: str = field(default="", repr=False)

    @property
    def simulated(self) -> bool:
        """Whether any row is SIMULATED."""
        return is_simulated(self.table)

    def counted(self) -> str:
        """Return how many coefficients of how many studies there are."""
        rows, studies = len(self.table), self.table["study_id"].nunique()
        one = "coefficient" if rows == 1 else "coefficients"
        of = "study" if studies == 1 else "studies"
        return f"{rows} {one} of {studies} {of}"


def source_of(chosen: Chosen) -> Source:
    """Return the table that was chosen."""
    if chosen.kind == "dataset":
        return dataset_source(chosen.name)
    if chosen.kind == "simulated":
        return simulated_source()
    if chosen.kind == "block":
        return _block_source(chosen)
    return file_source(chosen.name, **thawed(chosen.reading))


def thawed(pairs: Pairs) -> dict[str, Any]:
    """Return pairs as options: pairs of texts within them are mappings.

    >>> thawed((("raters", (("client", "WAI_C_"),)), ("by", ("session",))))
    {'raters': {'client': 'WAI_C_'}, 'by': ['session']}
    """
    options: dict[str, Any] = {}
    for name, value in pairs:
        if name in ("columns", "raters") and isinstance(value, tuple):
            options[name] = {
                k: list(v) if isinstance(v, tuple) else v for k, v in value
            }
        else:
            options[name] = list(value) if isinstance(value, tuple) else value
    return options


READING = ("labels", "encoding", "skip_rows", "sheet", "missing_words")


def _block_source(chosen: Chosen) -> Source:
    """Return the coefficients of answers by the options of a study's folder."""
    options = thawed(chosen.reading)
    reading = {name: options.pop(name) for name in READING if name in options}
    responses = read_responses(chosen.name, **reading)
    if "one_study" in options:
        options["study"] = ONE_STUDY
        responses[ONE_STUDY] = str(options["one_study"])
    named = {name: of for name, of in options.items() if name != "one_study"}
    return Source(
        kind="block",
        name=visible(chosen.name),
        table=reliability_by_study(responses, **named),
        reading={**reading, **options},
    )


def file_source(path: str | Path, **reading: Any) -> Source:
    """Read a file of coefficients: a coding sheet, or any table of the contract.

    Raises
    ------
    DataError
        For what cannot be read; every bad row is named.
    """
    given = {name: value for name, value in reading.items() if value}
    place = Path(path)
    return Source(
        kind="file",
        name=visible(place.name),
        table=read_coefficients(place, **given),
        reading=given,
    )


def dataset_source(name: str) -> Source:
    """Return a bundled coefficient table."""
    if name not in DATASETS:
        raise DataError(f"{name!r} is not one of {listing(DATASETS)}.")
    return Source(
        kind="dataset", name=DATASETS[name], table=load_dataset(name), dataset=name
    )


def responses_source(session: Session, **more: Any) -> Source:
    """Return the coefficients of a file of answers, whose questions are answered.

    ``more`` are further options of `reliability_by_study`.
    """
    return Source(
        kind="responses",
        name=visible(session.path.name),
        table=session.run(**more),
        python=session.python(**more),
        command=session.commands(**more)[0],
    )


def simulated_source() -> Source:
    """Return the coefficients of the SIMULATED five-version study, from its answers.

    Scales of one version share their respondents: the table knows their sampling
    covariance no better than `waistats reproduce` does, which leaves it out.
    """
    table = simulated_coefficients(simulate_hanson_study())
    return Source(kind="simulated", name=SIMULATED_STUDY, table=table)


def checked(path: str | Path, **reading: Any) -> list[tuple[str, str]]:
    """Return what is wrong or doubtful in a file of coefficients: severity and words."""
    given = {name: value for name, value in reading.items() if value}
    found = check_coefficients(path, **given)
    said = [
        (row["severity"], f"{row['where']}: {row['finding']}. {row['advice']}".strip())
        for _, row in found.iterrows()
    ]
    notes = found.attrs.get("notes", ())
    return [*said, *(("note", str(note)) for note in notes)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moderator:
    """A column that can explain differences between coefficients.

    Attributes
    ----------
    name, words : str
        The column, and what it is called.
    number : bool
        Whether it is a number; else it is a category.
    levels : tuple of str
        The categories.
    missing : int
        Coefficients without a value.
    """

    name: str
    words: str
    number: bool
    levels: tuple[str, ...] = ()
    missing: int = 0

    def described(self) -> str:
        """Return the kind of the moderator, and what it lacks."""
        kind = "number" if self.number else f"{len(self.levels)} categories"
        lacking = f", {self.missing} without a value" if self.missing else ""
        return f"{kind}{lacking}"


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(
        column
    )


def moderators_of(table: pd.DataFrame) -> tuple[Moderator, ...]:
    """Return the columns of a table that can be chosen as moderators."""
    known = [name for name in CANDIDATES if name in table]
    others = [str(c) for c in table.columns if c not in known]
    found = []
    for name in [*known, *others]:
        if name in _NOT_MODERATORS:
            continue
        column = table[name]
        texts = pd.Series(texts_of(table, name))
        lacking = int((texts == "").sum())
        number = _is_number(column)
        levels = tuple(sorted(set(texts) - {""}))
        if len(levels) < 2 or (not number and len(levels) > _MOST_LEVELS):
            continue
        found.append(
            Moderator(
                name=name,
                words=visible(column_words(name)),
                number=number,
                levels=() if number else levels,
                missing=lacking,
            )
        )
    return tuple(found)


def formula_of(names: Sequence[str], table: pd.DataFrame) -> str | None:
    """Return the formula of chosen columns; None without any.

    >>> formula_of(["rater", "n_items"], pd.DataFrame({"rater": ["a"], "n_items": 12}))
    '~ rater + np.log(n_items)'
    """
    if not names:
        return None
    absent = [name for name in names if name not in table]
    if absent:
        raise ModelError(f"There is no column {listing(map(repr, absent))}.")
    terms = [
        moderator_term(name, number=True)
        if _is_number(table[name])
        else in_formula(name)
        for name in names
    ]
    return "~ " + " + ".join(terms)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyChoices:
    """How coefficients are pooled; the defaults are those of `generalize`.

    Attributes
    ----------
    moderators : tuple of str
        Columns of one model with several moderators.
    formula : str
        A formula that a project brings along, if it is none of plain columns.
    candidates : tuple of str
        Columns that are tested one at a time; empty: all that are known.
    by : tuple of str
        Columns that make the cells.
    """

    measure: str = "bonett"
    method: str = "REML"
    bias: str = "none"
    conf_level: float = 0.95
    within_correlation: float | None = None
    prediction: str = DEFAULT_PREDICTION
    missing_moderators: str = "error"
    moderators: tuple[str, ...] = ()
    formula: str = ""
    candidates: tuple[str, ...] = ()
    by: tuple[str, ...] = CELL
    title: str = ""

    def changed(self, table: pd.DataFrame) -> dict[str, Any]:
        """Return the options of `generalize` that differ from its defaults."""
        start = StudyChoices()
        formula = self.formula or formula_of(self.moderators, table)
        options: dict[str, Any] = {} if formula is None else {"moderators": formula}
        for name in ("by", "measure", "method", "bias", "conf_level"):
            if getattr(self, name) != getattr(start, name):
                options[name] = getattr(self, name)
        if self.within_correlation is not None:
            options["within_correlation"] = self.within_correlation
        if self.candidates:
            options["candidates"] = list(self.candidates)
        if self.title.strip():
            options["title"] = self.title.strip()
        for name in ("prediction", "missing_moderators"):
            if getattr(self, name) != getattr(start, name):
                options[name] = getattr(self, name)
        return options


def whole_table(sources: Sequence[Source]) -> pd.DataFrame:
    """Return the coefficients of all tables, as the study joins them."""
    return combine_tables([source.table for source in sources])


def run_study(sources: Sequence[Source], choices: StudyChoices) -> RGStudy:
    """Run the study of the chosen tables.

    Raises
    ------
    DataError, ModelError
        As `generalize`.
    """
    if not sources:
        raise ModelError("Choose at least one table of coefficients.")
    options = choices.changed(whole_table(sources))
    return generalize([source.table for source in sources], **options)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleChoices:
    """A sample that is described: whom it is of, how large it is, what else is known.

    Attributes
    ----------
    instrument, rater, modality : str
        Empty for what is left open.
    n : tuple of int
        Planned sizes.
    n_items : int or None
        Items of its scale.
    values : tuple of pairs
        Values of other moderators of the model.
    """

    instrument: str = ""
    rater: str = ""
    modality: str = ""
    n: tuple[int, ...] = ()
    n_items: int | None = None
    values: tuple[tuple[str, Any], ...] = ()

    def options(self) -> dict[str, Any]:
        """Return the options of `predict_reliability`."""
        made: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("instrument", "rater", "modality")
            if getattr(self, name)
        }
        if self.n:
            made["n"] = list(self.n)
        if self.n_items is not None:
            made["n_items"] = self.n_items
        if self.values:
            made["new"] = dict(self.values)
        return made


# what a described sample is asked for by name
FACTS = ("instrument", "rater", "modality")


def asked_of_sample(study: RGStudy) -> dict[str, Moderator]:
    """Return what can be said of a sample: known facts and moderators of the model."""
    rows = study.main_rows if study.pooled is not None else study.effects
    known = {one.name: one for one in moderators_of(rows)}
    asked = {name: known[name] for name in FACTS if name in known}
    model = study.moderator_model
    if model is None:
        return asked
    fitted = {one.name: one for one in moderators_of(model.effects.table)}
    for name in model.design.variables:
        if name in FACTS or name == "n_items" or name not in fitted:
            continue
        asked[name] = fitted[name]
    return asked


def predict(study: RGStudy, sample: SampleChoices) -> ReliabilityPrediction:
    """Predict the reliability of a described sample."""
    return predict_reliability(study, **sample.options())


def alpha_interval(study: RGStudy) -> dict[str, float]:
    """Return the overall result as numbers; empty without one."""
    if study.pooled is None:
        return {}
    row = study.summary().iloc[0]
    names = ("k", "estimate", "ci_low", "ci_high", "pi_low", "pi_high", "I2")
    return {name: float(row[name]) for name in names if np.isfinite(float(row[name]))}
