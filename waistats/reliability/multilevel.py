"""Reliability of repeated sessions: of differences between people and of change.

Reliability coefficients of repeated sessions from sums over persons.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from waistats._format import Result, counted, fixed, level
from waistats._frames import as_frame
from waistats._typing import FloatArray
from waistats.errors import (
    ConvergenceError,
    ModelError,
    check_conf_level,
    check_option,
    listing,
)
from waistats.provenance import marked, noted, of_simulated
from waistats.reliability._answers import Accepted, Codes
from waistats.reliability._intervals import wald_limits
from waistats.reliability._moments import alpha_of
from waistats.reliability._resampling import (
    KINDS,
    Seed,
    bootstrap_limits,
    check_resamples,
    resampled_counts,
)
from waistats.reliability._sessions import (
    COMPONENTS,
    PersonSums,
    Sessions,
    crossed_components,
    level_covariances,
    nested_components,
    person_features,
    read_sessions,
)
from waistats.reliability._two_level import two_level
from waistats.reliability.omega import OmegaForm

MEANINGS = {
    "R1F": "person's mean of one session, sessions fixed",
    "RkF": "person's mean of k sessions, sessions fixed",
    "R1R": "person's mean of one session, sessions random",
    "RkR": "person's mean of k sessions, sessions random",
    "RC": "change of a person from session to session",
    "RkRn": "person's mean of k sessions, sessions nested in persons",
    "RCn": "change of a person, sessions nested in persons",
    "alpha_between": "alpha of persons' true means",
    "alpha_within": "alpha of deviations from persons' means",
    "omega_between": "omega total of persons' true means",
    "omega_within": "omega total of deviations from persons' means",
}
TERMS = tuple(MEANINGS)
# the unrestricted model has m (m + 1) parameters: 20 items take some seconds
MOST_LIKELIHOOD = 20
LIKELIHOOD = {
    "alpha_between_ml": "alpha of persons' true means, maximum likelihood",
    "alpha_within_ml": "alpha of deviations from persons' means, maximum likelihood",
    "omega_between_ml": "omega total of persons' true means, maximum likelihood",
    "omega_within_ml": "omega total of deviations, maximum likelihood",
}


def coefficients_of(sums: PersonSums, k: float, *, crossed: bool) -> FloatArray:
    """Return the coefficients (..., 11) in the order of ``TERMS``."""
    m = sums.products.shape[-1]
    if crossed:
        parts = np.moveaxis(np.maximum(crossed_components(sums), 0.0), -1, 0)
    else:
        parts = np.full((len(COMPONENTS), *sums.persons.shape), np.nan)
    person, session, _, both, person_item, _, error = parts
    true = person + person_item / m
    nested = np.moveaxis(np.maximum(nested_components(sums), 0.0), -1, 0)
    between, within = level_covariances(sums)
    # the between-person matrix need not be positive definite, which rules out ml
    form = OmegaForm(method="minres")
    with np.errstate(divide="ignore", invalid="ignore"):
        found = [
            true / (true + error / m),
            true / (true + error / (k * m)),
            true / (true + session + both + error / m),
            true / (true + (session + both) / k + error / (k * m)),
            both / (both + error / m),
            nested[0] / (nested[0] + nested[1] / k + nested[2] / (k * m)),
            nested[1] / (nested[1] + nested[2] / m),
        ]
    for matrix in (between, within):
        found.append(_alpha(matrix))
    for matrix in (between, within):
        found.append(_omega(form, matrix))
    return np.stack([np.asarray(value, dtype=np.float64) for value in found], axis=-1)


def _alpha(matrix: FloatArray) -> FloatArray:
    return np.where(matrix.sum(axis=(-1, -2)) > 0, alpha_of(matrix), np.nan)


def _omega(form: OmegaForm, matrix: FloatArray) -> FloatArray:
    m = matrix.shape[-1]
    if m < 3:
        return np.full(matrix.shape[:-2], np.nan)
    batch = matrix.reshape(-1, m, m)
    lowest = np.diagonal(batch, axis1=-2, axis2=-1).min(axis=-1)
    safe = np.where(lowest[:, None, None] > 0, batch, np.nan)
    return form.many(safe).reshape(matrix.shape[:-2])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MultilevelReliability(Result):
    """Between- and within-person reliability of repeated sessions.

    Attributes
    ----------
    coefficients : DataFrame
        ``term, estimate, se, ci_low, ci_high, meaning``, one row per coefficient.
    components : DataFrame
        ``component, variance, percent`` of the crossed design.
    between, within : ndarray of shape (m, m)
        Covariance matrices of the items on both levels.
    n : int
        Persons.
    n_rows : int
        Person-sessions used.
    n_sessions : int
        Different sessions.
    k : float
        Sessions behind ``RkF``, ``RkR`` and ``RkRn``.
    n_items : int
        Items.
    n_excluded : int
        Person-sessions left out for missing answers.
    conf_level : float
        Confidence level.
    ci : str
        How intervals were made; ``""`` for none.
    notes : tuple of str
        What a reader must know.
    """

    coefficients: pd.DataFrame
    components: pd.DataFrame
    between: FloatArray
    within: FloatArray
    n: int
    n_rows: int
    n_sessions: int
    k: float
    n_items: int
    n_excluded: int
    conf_level: float
    ci: str
    notes: tuple[str, ...]

    @property
    def simulated(self) -> bool:
        """Whether the responses are SIMULATED."""
        return noted(self.notes)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per coefficient."""
        return self.coefficients.copy()

    def heading(self) -> str:
        """Return what was analysed."""
        lines = [
            f"Reliability of repeated sessions: {counted(self.n, 'person')}, "
            f"{counted(self.n_rows, 'person-session')}, "
            f"{counted(self.n_sessions, 'session')}, "
            f"{counted(self.n_items, 'item')}; k = "
            f"{fixed(self.k, 1).removesuffix('.0')}{of_simulated(self.simulated)}"
        ]
        if self.ci:
            lines.append(f"{level(self.conf_level)} intervals: {self.ci} of persons")
        return "\n".join(lines)

    def closing(self) -> str:
        """Return the notes."""
        return "\n".join(self.notes)


def multilevel_reliability(
    data: pd.DataFrame,
    *,
    person: Hashable,
    session: Hashable,
    items: Sequence[Hashable],
    k: float | None = None,
    ci: str | None = "bootstrap",
    conf_level: float = 0.95,
    kind: str = "percentile",
    n_resamples: int = 1000,
    seed: Seed = 0,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> MultilevelReliability:
    r"""Return between- and within-person reliability of a scale filled in repeatedly.

    Parameters
    ----------
    data : DataFrame
        One row for each person in each session.
    person, session : column names
        Who (a client), and when; a session number is shared by all persons.
    items : sequence of column names
        The keyed items.
    k : float, optional
        Sessions that a mean would be taken over; by default the mean number of sessions
        of a person.
    ci : {"bootstrap"}
        Interval by resampling persons; None for none.
    conf_level : float
        Confidence level.
    kind : {"percentile", "normal"}
        Bootstrap interval.
    n_resamples : int
        Bootstrap samples.
    seed : int, Generator or None
        Makes the bootstrap reproducible.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    MultilevelReliability
        Coefficients with intervals, variance components, and the covariance matrices of
        both levels.

    Raises
    ------
    DataError
        If columns are missing, a person has a session twice, or there are too few
        persons or sessions.

    Notes
    -----
    With the variances of persons p, sessions t, items i and their interactions,

    .. math::

        R_{kR} = \frac{\sigma^2_p + \sigma^2_{pi}/m}{\sigma^2_p + \sigma^2_{pi}/m +
        \sigma^2_t/k + \sigma^2_{pt}/k + \sigma^2_e/(km)}, \qquad
        R_C = \frac{\sigma^2_{pt}}{\sigma^2_{pt} + \sigma^2_e/m}

    and so on (Cranford et al., 2006; Shrout & Lane, 2012), as psych's ``mlr``, whose
    analysis-of-variance components these are where every person has every session.
    Otherwise they are unbiased by the method of fitting constants; psych's type I sums
    of squares then depend on the order of the rows, and its k counts all different
    sessions. Components below zero are shown, and count as zero in the coefficients.

    ``alpha_between`` and so on are alpha and omega of the between- and within-person
    covariance matrices (Geldhof, Preacher & Zyphur, 2014), estimated without bias from
    the mean squares; omega is fitted to each level by itself (minimum residuals). Rows
    that end in ``_ml`` are both at once by maximum likelihood, as there and in lavaan's
    two-level models, with standard errors from the expected information (normal answers)
    and limits on -ln(1 - x); persons may have any number of sessions.
    Differences between sessions shared by everyone count as within-person variance
    there, but not in RC.

    Rows with a missing answer are excluded and counted.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> client = np.repeat(np.arange(40), 4)
    >>> score = rng.normal(size=40)[client] + rng.normal(size=160) / 2
    >>> answers = score[:, None] + rng.normal(size=(160, 3))
    >>> data = pd.DataFrame(answers, columns=["a", "b", "c"]).assign(
    ...     client=client, session=np.tile([1, 2, 3, 4], 40))
    >>> result = multilevel_reliability(
    ...     data, person="client", session="session", items=["a", "b", "c"], ci=None)
    >>> result.to_frame().set_index("term").loc[["RkR", "RC"], "estimate"].round(2)
    term
    RkR    0.91
    RC     0.25
    Name: estimate, dtype: float64
    """
    data = as_frame(data)
    if ci is not None:
        ci = check_option("ci", ci, ("bootstrap", "none"))
    kind = check_option("kind", kind, tuple(name for name in KINDS if name != "bca"))
    check_conf_level(conf_level)
    table = read_sessions(
        data, person, session, items, missing_codes=missing_codes, accept=accept
    )
    mean_sessions = len(table.values) / (table.person.max() + 1)
    averaged = float(mean_sessions if k is None else k)
    if averaged < 1:
        raise ModelError(f"k must be at least 1; got {averaged:g}.")
    features = person_features(table.values, table.person, table.session)
    sums = features.sums()
    estimates = coefficients_of(sums, averaged, crossed=table.shared)
    components = crossed_components(sums)
    if not table.shared:
        components[:] = np.nan
    between, within = level_covariances(sums)
    frame = pd.DataFrame({"term": list(TERMS), "estimate": estimates})
    frame[["se", "ci_low", "ci_high"]] = np.nan
    notes = table.notes + _notes(components, estimates)
    if ci == "bootstrap":
        check_resamples(n_resamples)
        drawn = np.concatenate(
            [
                coefficients_of(features.sums(w), averaged, crossed=table.shared)
                for w in resampled_counts(len(features.table), n_resamples, seed)
            ]
        )
        limits, lost = _limits(estimates, drawn, conf_level, kind)
        frame[["se", "ci_low", "ci_high"]] = limits
        notes += lost
    frame["meaning"] = list(MEANINGS.values())
    likely, said = _likelihood(table, ci, conf_level)
    frame = pd.concat([frame, likely], ignore_index=True)
    notes += said
    kept = np.maximum(components, 0)
    shares = pd.DataFrame(
        {
            "component": list(COMPONENTS),
            "variance": components,
            "percent": 100 * kept / kept.sum(),
        }
    )
    return MultilevelReliability(
        coefficients=marked(frame, noted(notes)),
        components=marked(shares, noted(notes)),
        between=between,
        within=within,
        n=int(sums.persons),
        n_rows=int(sums.rows),
        n_sessions=int((sums.sessions > 0).sum()) if table.shared else table.n_labels,
        k=averaged,
        n_items=table.values.shape[1],
        n_excluded=table.n_excluded,
        conf_level=conf_level,
        ci=f"bootstrap ({kind})" if ci == "bootstrap" else "",
        notes=notes,
    )


def _likelihood(
    table: Sessions, ci: str | None, conf_level: float
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return alpha and omega of both levels by maximum likelihood, and notes."""
    frame = pd.DataFrame({"term": list(LIKELIHOOD)})
    frame[["estimate", "se", "ci_low", "ci_high"]] = np.nan
    frame["meaning"] = list(LIKELIHOOD.values())
    m = table.values.shape[1]
    if m > MOST_LIKELIHOOD:
        return frame, (
            "Maximum likelihood on two levels is not computed for "
            f"{counted(m, 'item')} (at most {MOST_LIKELIHOOD}).",
        )
    try:
        found = two_level(table.values, table.person)
    except (ModelError, ConvergenceError) as error:
        return frame, (f"No maximum likelihood on two levels: {error}",)
    frame["estimate"] = found.estimates
    if ci is not None and ci != "none":
        low, high = wald_limits(found.estimates, found.ses, conf_level, "bonett")
        frame["se"], frame["ci_low"], frame["ci_high"] = found.ses, low, high
    return frame, found.notes


def _notes(components: FloatArray, estimates: FloatArray) -> tuple[str, ...]:
    notes = []
    if np.isnan(components).any():
        notes.append(
            "Persons do not share sessions, so only the nested coefficients and those of "
            "the two levels are defined. Number each person's sessions 1, 2, ... if they "
            "can be compared."
        )
    below = [
        f"{name} ({fixed(value)})"
        for name, value in zip(COMPONENTS, components, strict=True)
        if value < 0
    ]
    if below:
        notes.append(f"Variance below zero, taken as zero: {listing(below)}.")
    undefined = [
        name
        for name, value in zip(TERMS, estimates, strict=True)
        if np.isnan(value) and name.startswith(("alpha", "omega"))
    ]
    if undefined:
        notes.append(
            f"Not defined, as that level's covariance matrix allows no such model: "
            f"{listing(undefined)}."
        )
    return tuple(notes)


def _limits(
    estimates: FloatArray, drawn: FloatArray, conf_level: float, kind: str
) -> tuple[FloatArray, tuple[str, ...]]:
    """Return se and limits (terms, 3), and notes on resamples that failed."""
    found = np.full((len(estimates), 3), np.nan)
    lost = []
    for j, estimate in enumerate(estimates):
        values = drawn[:, j][np.isfinite(drawn[:, j])]
        if not np.isfinite(estimate) or len(values) < len(drawn) / 2:
            continue
        low, high = bootstrap_limits(values, float(estimate), conf_level, kind=kind)
        found[j] = values.std(ddof=1), low, high
        if len(values) < len(drawn):
            lost.append(f"{TERMS[j]} ({len(drawn) - len(values)})")
    if not lost:
        return found, ()
    return found, (f"Not defined in some resamples, excluded: {listing(lost)}.",)
