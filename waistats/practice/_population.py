"""What is predicted: populations and samples, and how true and observed alphas spread.

The population that a prediction is for, in the terms of the fitted model.

Which model answers for a population: of a study, the one that fits the question.

The predictive distribution of alpha: in a new population, and in a sample of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import counted, fixed
from waistats._frames import as_frame
from waistats._typing import FloatArray
from waistats.errors import DataError, ModelError, check_option, listing, near
from waistats.instruments.forms import bundled_forms, form_of
from waistats.measures import ALPHA_TYPES, alpha_variance, back_transform, transform
from waistats.meta._prediction import (
    DEFAULT_PREDICTION,
    PREDICTIONS,
    Distribution,
    Student,
)
from waistats.meta._promises import PAGE, probability_notes
from waistats.meta.results import FittedModel
from waistats.practice._source import check_range, numbers
from waistats.rg.as_model import as_model
from waistats.rg.pooling import FEWEST_TO_POOL, Pooled, main_rows, pool
from waistats.rg.study import RGStudy

# Beyond these a number is a slip of the keyboard.
MOST_ITEMS, MOST_N = 10_000, 1_000_000_000
# Facts that a prediction must not silently ignore.
FACTS = ("instrument", "rater", "modality", "scale")


def profiles(
    model: FittedModel,
    facts: Mapping[str, Any],
    new: pd.DataFrame | Mapping[str, Any] | None,
    n_items: Any = None,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return one row per population, with every moderator of the model, and notes.

    Facts that are no moderators are checked against the fitted rows: a DataError where
    no row has them, a note where the rows are mixed. Numbers that were not given take
    their mean, with a note; categories must be given.
    """
    rows = _frame(new)
    _refuse_unknown(model, new)
    given = {name: value for name, value in facts.items() if value is not None}
    if n_items is not None:
        given["n_items"] = n_items
    twice = [name for name in given if name in rows]
    if twice:
        raise ModelError(f"Given twice, in new and by name: {listing(twice)}.")
    for name, value in given.items():
        rows[name] = value
    if "n_items" in rows:
        check_whole("n_items", numbers("n_items", rows["n_items"]), 2, MOST_ITEMS)
    notes: list[str] = []
    for name in FACTS:
        if name in rows:
            table = model.effects.table
            rows[name] = [level_of(table, name, value) for value in rows[name]]
            if name not in model.design.variables:
                notes += _unmodelled(model, name, rows[name].unique())
    if "n_items" in model.design.variables and "n_items" not in rows:
        rows["n_items"], more = items_of(model, rows)
        notes += more
    notes += _fill(model, rows)
    return rows, tuple(notes)


def _frame(new: pd.DataFrame | Mapping[str, Any] | None) -> pd.DataFrame:
    if new is None:
        return pd.DataFrame(index=[0])
    new = as_frame(new)
    if isinstance(new, pd.DataFrame):
        return new.copy()
    if isinstance(new, Mapping):
        single = all(np.ndim(value) == 0 for value in new.values())
        return pd.DataFrame(dict(new), index=[0] if single else None)
    raise ModelError(
        f"new must be a DataFrame or a mapping of column to values; got {type(new)}."
    )


def _refuse_unknown(model: FittedModel, new: Any) -> None:
    """Raise a DataError for names that the model has no use for.

    A frame may bring more columns; what is named one by one is meant.
    """
    if not isinstance(new, Mapping):
        return
    known = [*model.design.variables, *FACTS, "n_items"]
    wrong = [f"{name}{near(str(name), known)}" for name in new if name not in known]
    if wrong:
        told = listing(model.design.variables) or "none"
        raise DataError(
            f"new names {listing(wrong)}, which the model does not use. Its moderators "
            f"are: {told}."
        )


def check_whole(name: str, values: FloatArray, low: float, high: float) -> None:
    """Raise a DataError for values that are no whole number within a range."""
    values = np.atleast_1d(values)
    check_range(name, values, low, high)
    broken = values[np.isfinite(values) & (values % 1 != 0)]
    if broken.size:
        raise DataError(
            f"{name} must be a whole number; got {listing(f'{v:g}' for v in broken)}."
        )


def known_levels(table: pd.DataFrame, name: str) -> list[str]:
    """Return the distinct texts of a column; none where it is absent."""
    if name not in table:
        return []
    return sorted({str(value) for value in table[name].dropna()} - {""})


def level_of(table: pd.DataFrame, name: str, value: Any) -> str:
    """Return the level that a value means: its case or another name of a form."""
    known = known_levels(table, name)
    text = str(value).strip()
    if not known or text in known:
        return text
    means = {text.casefold()}
    # a label that names several forms, such as WAI, means none of them
    if name == "instrument" and (form := form_of(text)) is not None:
        means.add(form.name.casefold())
    match = [level for level in known if level.casefold() in means]
    if len(match) == 1:
        return match[0]
    raise DataError(
        f"No fitted coefficient has {name} {value!r}{near(text, known)}; there are "
        f"{listing(known)}."
    )


def _unmodelled(model: FittedModel, name: str, wanted: Any) -> list[str]:
    """Return a note where the model does not distinguish this fact."""
    known = known_levels(model.effects.table, name)
    if len(known) == 1 and len(wanted) == 1:
        return []
    over = listing(known) if known else "unknown"
    return [
        f"The model has no moderator {name}: the prediction is for the mix that was "
        f"fitted ({over}), not for {listing(wanted)} alone."
    ]


def _fill(model: FittedModel, rows: pd.DataFrame) -> list[str]:
    """Put the mean where a number was not given; refuse to guess a category."""
    notes: list[str] = []
    words: list[str] = []
    needed: dict[str, str] = {}
    data = model.design.data
    for name in model.design.variables:
        if name in rows or data is None:
            continue
        column = data[name]
        number = pd.api.types.is_numeric_dtype(column)
        if number and not pd.api.types.is_bool_dtype(column):
            rows[name] = float(column.mean())
            notes.append(f"{name} was not given; its mean {fixed(column.mean(), 2)}.")
        else:
            levels = sorted({str(value) for value in column.unique()})
            needed[name] = levels[0]
            words.append(f"{name} ({listing(levels)})")
    if needed:
        raise ModelError(
            f"The model needs values for {'; '.join(words)}. Name them, such as "
            f"new={needed!r}."
        )
    return notes


def items_of(model: FittedModel, rows: pd.DataFrame) -> tuple[FloatArray, list[str]]:
    """Return the items of the scale in each population, shape (rows,), and notes.

    From the column ``n_items``; else from the fitted rows (of that instrument), where
    they agree; else from the form, for a total score; else the most common, with a note.
    """
    if "n_items" in rows:
        return rows["n_items"].to_numpy(dtype=float), []
    if "instrument" not in rows:
        items, note = _items(model, None)
        return np.full(len(rows), items), note
    found = {name: _items(model, name) for name in rows["instrument"].unique()}
    values = np.array([found[name][0] for name in rows["instrument"]])
    return values, list(dict.fromkeys(n for _, notes in found.values() for n in notes))


def _items(model: FittedModel, instrument: str | None) -> tuple[float, list[str]]:
    table = model.effects.table
    if instrument is not None and "instrument" in table:
        table = table[table["instrument"].astype(str) == instrument]
    counts = pd.Series(dtype=int)
    if "n_items" in table:
        counts = pd.to_numeric(table["n_items"], errors="coerce").value_counts()
    if len(counts) == 1:
        return float(counts.index[0]), []
    form = bundled_forms().get(instrument or "")
    scales = known_levels(model.effects.table, "scale")
    if form is not None and form.n_items and scales in ([], ["total"]):
        return float(form.n_items), []
    if len(counts) == 0:
        raise ModelError(
            "The fitted coefficients do not say how many items their scales have; say "
            "with n_items= how many the scale of the new sample has."
        )
    most_common = float(counts.index[counts == counts.max()].max())
    return most_common, [
        f"A length of {most_common:g} items is taken, the most common of "
        f"{listing(f'{m:g}' for m in sorted(counts.index))}."
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """A model, the kind of its prediction interval, and notes."""

    model: FittedModel
    prediction: str = DEFAULT_PREDICTION
    notes: tuple[str, ...] = ()


def choose_model(
    source: Any,
    facts: Mapping[str, Any],
    new: pd.DataFrame | Mapping[str, Any] | None,
) -> Choice:
    """Return the model of a result, or of a study the one that knows the facts.

    That is the study's moderator model where it has one of the named moderators; else
    the pooled coefficients that have the facts, as in the study's cells; else, with
    fewer than three studies of that kind, the overall model.
    """
    if isinstance(source, Pooled):
        return Choice(
            model=source.fit, prediction=source.prediction, notes=source.model_notes
        )
    if not isinstance(source, RGStudy):
        model = as_model(source)
        return Choice(model=model, notes=model.notes)
    given = {name: value for name, value in facts.items() if value is not None}
    columns = list(new.columns) if isinstance(new, pd.DataFrame) else list(new or {})
    moderated = source.moderator_model
    if moderated is not None and {*given, *columns} & set(moderated.design.variables):
        return Choice(
            model=moderated, prediction=source.prediction, notes=moderated.notes
        )
    if isinstance(new, Mapping):
        given |= {c: v for c, v in new.items() if c in FACTS and isinstance(v, str)}
    return _of_cell(source, given)


def _of_cell(study: RGStudy, given: Mapping[str, Any]) -> Choice:
    """Return the pooled coefficients of a study that have the facts."""
    used = study.effects[study.effects["yi"].notna()]
    rows = study.main_rows
    if "scale" in given:
        rows = main_rows(used, level_of(used, "scale", given["scale"]))
    words = []
    for name, value in given.items():
        if len(known_levels(rows, name)) > 1:
            wanted = level_of(rows, name, value)
            rows = rows[rows[name].astype(str) == wanted]
            words.append(f"{name} {wanted}")
    overall = Choice(
        model=as_model(study),
        prediction=study.prediction,
        notes=study.pooled.model_notes if study.pooled else (),
    )
    if len(rows) == overall.model.k and not words:
        return overall
    what = ", ".join(words) or f"scale {given.get('scale')}"
    if rows["study_id"].astype(str).nunique() < FEWEST_TO_POOL:
        few = f"Fewer than {FEWEST_TO_POOL} studies have {what}, too few to pool"
        if "scale" in given:
            raise ModelError(f"{few}.")
        note = f"{few}; the prediction is that of the overall model."
        return replace(overall, notes=(note, *overall.notes))
    pooled = pool(rows.reset_index(drop=True), **study.pool_options)
    note = f"From the {counted(pooled.fit.k, 'coefficient')} with {what}."
    return Choice(
        model=pooled.fit, prediction=study.prediction, notes=(note, *pooled.model_notes)
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictive:
    """Predictive distributions of populations, and of samples of them.

    Attributes
    ----------
    model : FittedModel
        The model that answers.
    rows : ndarray, shape (rows, p)
        Design rows of the populations.
    center, low, high : ndarray, shape (rows,)
        Expected value and its interval, on the model's scale.
    sampling : ndarray, shape (rows,)
        Variance of a sample's value around the true one; NaN without a planned n.
    prediction : str
        Kind of the prediction interval.
    asked : bool
        Whether the user asked for that kind: then probabilities are its, too. Else
        they are those of `FittedModel.calibrated`, unless the kind is metafor's.
    """

    model: FittedModel
    rows: FloatArray
    center: FloatArray
    low: FloatArray
    high: FloatArray
    sampling: FloatArray
    prediction: str
    asked: bool

    @property
    def measure(self) -> str:
        """The scale."""
        return str(self.model.measure)

    def interval(
        self, conf_level: float, *, observed: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Return the limits of the prediction interval, back-transformed."""
        extra = self.sampling if observed else 0.0
        if observed and np.isnan(self.sampling).all():
            return self.sampling, self.sampling
        spread = self.model.predictive(self.prediction)
        low, high = spread.limits(self.rows, conf_level, extra)
        return back_transform(low, self.measure), back_transform(high, self.measure)

    def prediction_notes(self) -> list[str]:
        """Return what the default prediction interval holds, where that must be said."""
        if self.prediction != DEFAULT_PREDICTION or self.model.has_moderators:
            return []
        return list(self.model.prediction_notes())

    def probability_notes(self, *, uncertainty: bool = True) -> list[str]:
        """Return how far probabilities were off when it was tried, or were not tried."""
        if self.model.method == "CE":
            return []
        if not uncertainty:
            return [
                "Probabilities take the mean and the heterogeneity for known: with few "
                "studies they look far too sure."
            ]
        if self.prediction == "metafor":
            return [
                "Probabilities are those of metafor's prediction interval, which takes the "
                "heterogeneity for known; they are not calibrated."
            ]
        if self.asked and not self.model.is_multilevel:
            return [
                "Probabilities are those of the prediction interval, not the calibrated "
                f"ones: those of .90 and more were about .05 too high ({PAGE})."
            ]
        return list(probability_notes(self.model))

    def above(
        self, threshold: FloatArray, *, observed: bool, uncertainty: bool
    ) -> FloatArray:
        """Return probabilities of exceeding thresholds, shape (rows, thresholds)."""
        model, extra = self.model, self.sampling if observed else 0.0
        cuts = transform(threshold, self.measure)
        if observed and np.isnan(self.sampling).all():
            return np.full((len(self.rows), len(cuts)), np.nan)
        spread: Distribution = Student(
            beta=model.beta, cov=np.zeros_like(model.cov), tau2=model.tau2, df=None
        )
        if uncertainty and (self.asked or self.prediction == "metafor"):
            spread = model.predictive(self.prediction)
        elif uncertainty:
            spread = model.calibrated()
        return spread.above(self.rows, cuts, extra)


def predictive(
    model: FittedModel,
    rows: pd.DataFrame,
    n: FloatArray | None = None,
    n_items: FloatArray | None = None,
    *,
    prediction: str | None = None,
    default: str = DEFAULT_PREDICTION,
    conf_level: float | None = None,
) -> Predictive:
    """Return the predictive distributions for populations, and samples of size n.

    ``prediction`` is the kind that was asked for, else it is the ``default``.
    """
    if model.measure is None:
        raise ModelError(
            "The effects do not say which scale they are on, so results cannot be "
            "transformed back to alpha. effect_sizes() adds the column 'measure'."
        )
    design = model.design.rows(rows)
    found = model.contrasts(design, conf_level)
    sampling = np.full(len(design), np.nan)
    if n is not None and n_items is not None:
        check_kind(model)
        expected = back_transform(found.estimate, model.measure)
        sampling = alpha_variance(expected, n, n_items, model.measure)
    return Predictive(
        model=model,
        rows=design,
        center=found.estimate,
        low=found.ci_low,
        high=found.ci_high,
        sampling=sampling,
        prediction=prediction or default,
        asked=prediction is not None,
    )


def check_kind(model: FittedModel) -> None:
    """Raise a ModelError for coefficients whose sampling variance n does not give."""
    table = model.effects.table
    if "coefficient_type" not in table:
        return
    kinds = {str(kind) for kind in table["coefficient_type"].dropna()} - ALPHA_TYPES
    if kinds - {""}:
        raise ModelError(
            f"How much a sample's {listing(sorted(kinds))} varies does not follow "
            "from n and n_items, except for alpha. Leave n out."
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """Populations, a row each, and planned samples of them.

    Attributes
    ----------
    model : FittedModel
        The model that answers.
    rows : DataFrame
        The populations.
    spread : Predictive
        Distributions of true and of observed values.
    n, n_items : ndarray, shape (rows,)
        The planned samples; NaN without.
    notes : tuple of str
        What was decided for the user.
    """

    model: FittedModel
    rows: pd.DataFrame
    spread: Predictive
    n: FloatArray
    n_items: FloatArray
    notes: tuple[str, ...]


def prepare(
    source: Any,
    facts: Mapping[str, Any],
    new: pd.DataFrame | Mapping[str, Any] | None,
    n: Any,
    n_items: Any,
    *,
    prediction: str | None = None,
    conf_level: float | None = None,
) -> Plan:
    """Return the populations with their predictive distributions."""
    choice = choose_model(source, facts, new)
    model = choice.model
    if prediction is not None:
        prediction = check_option("prediction", prediction, PREDICTIONS)
    options: dict[str, Any] = {
        "prediction": prediction,
        "default": choice.prediction,
        "conf_level": conf_level,
    }
    rows, notes = profiles(model, facts, new, n_items)
    size = items = np.full(len(rows), np.nan)
    if n is None:
        spread = predictive(model, rows, **options)
    else:
        size = _sizes(n, 4 if model.measure == "fisher-z" else 3)
        if len(rows) == 1 and len(size) > 1:
            rows = rows.loc[rows.index.repeat(len(size))].reset_index(drop=True)
        if len(size) not in (1, len(rows)):
            raise ModelError(
                f"{len(size)} sizes and {len(rows)} populations do not match; "
                "give one size, or one for each population."
            )
        size = np.broadcast_to(size, (len(rows),)).astype(float)
        items, more = items_of(model, rows)
        notes = (*notes, *more)
        check_whole("n_items", items, 2, MOST_ITEMS)
        spread = predictive(model, rows, size, items, **options)
    return Plan(
        model=model,
        rows=rows,
        spread=spread,
        n=size,
        n_items=items,
        notes=(*choice.notes, *notes),
    )


def _sizes(n: Any, least: int) -> FloatArray:
    size = np.atleast_1d(numbers("n", n))
    check_range("n", size, least, np.inf)
    check_range("n", size, -np.inf, MOST_N)
    if np.any(size != np.floor(size)):
        raise DataError("n must be whole numbers of respondents.")
    return size
