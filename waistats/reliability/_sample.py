"""Items that vary: what a coefficient of correlations can be computed from.

Items and a treatment of missing answers -> what a coefficient is computed from.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from waistats._caller import option
from waistats._format import coefficient, counted, percent
from waistats._typing import BoolArray, FloatArray
from waistats.errors import (
    ConvergenceError,
    DataError,
    ModelError,
    check_option,
    listing,
)
from waistats.provenance import NOTE
from waistats.reliability._answers import Accepted, Codes, read_answers
from waistats.reliability._em import Likelihood, em_moments, fit_likelihood
from waistats.reliability._intervals import normal_theory_se
from waistats.reliability._items import ItemsLike, Responses
from waistats.reliability._moments import (
    Moments,
    against_scale,
    alpha_of,
    complete,
    correlation,
    gradient_influence,
    listwise_moments,
    pairwise_influence,
    pairwise_moments,
)
from waistats.reliability._resampling import (
    Seed,
    alphas_without_each,
    resampled_alphas,
    resampled_counts,
    resampled_covariances,
    weights_without_each,
    without_each,
)

MISSING = ("listwise", "pairwise", "em")
# an eigenvalue below this share of the largest is negative, not rounding
_NEGATIVE = -1e-8
# share of incomplete respondents from which their deletion is worth a word
_MANY_INCOMPLETE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Responses, their moments under one treatment of missing answers, and notes.

    Attributes
    ----------
    values : ndarray, shape (n, m)
        Responses of those who are used; NaN where missing, if the treatment allows.
    names : tuple of str
        Item names.
    used : ndarray of bool
        Which of the respondents given are used.
    moments : Moments
        Counts, means and covariances (divisor n - 1).
    missing : str
        The treatment really applied; ``"listwise"`` where nothing is missing.
    likelihood : Likelihood or None
        The fit behind ``missing="em"``.
    notes : tuple of str
        What a reader must know, in sentences.
    lowest : float
        Smallest eigenvalue of the covariances over the largest, where deletion was
        pairwise; else 0, as covariances of complete answers are those of data.
    """

    values: FloatArray
    names: tuple[str, ...]
    used: BoolArray
    moments: Moments
    missing: str
    likelihood: Likelihood | None = None
    notes: tuple[str, ...] = ()
    lowest: float = 0.0

    @property
    def counts(self) -> dict[str, Any]:
        """The fields of an estimate that say of how many it is."""
        return {
            "n": int(self.moments.n),
            "n_items": self.n_items,
            "n_excluded": int(self.moments.n_excluded),
        }

    @property
    def is_possible(self) -> bool:
        """Whether any data have these covariances (no negative eigenvalue)."""
        return self.lowest >= _NEGATIVE

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.names)

    def influence(self, gradient: FloatArray) -> FloatArray:
        """Return influences (n,) on a function of covariances with this gradient."""
        self._need_values("ci='adf'")
        if self.likelihood is not None:
            return self.likelihood.influence(_varying(self, gradient))
        if self.missing == "pairwise":
            return pairwise_influence(self.values, gradient)
        return gradient_influence(self.values, gradient)

    def normal_se(self, gradient: FloatArray) -> float:
        """Return the standard error of such a function for normal responses."""
        if self.likelihood is not None:
            return self.likelihood.normal_se(_varying(self, gradient))
        with np.errstate(invalid="ignore"):
            se = normal_theory_se(self.moments.covariance, gradient, self.moments.n)
        if not (self.is_possible or se > 0):
            raise DataError(impossible(self, "its variance would be negative"))
        return float(se)

    def replicates(
        self, function: Callable[[FloatArray], FloatArray], n_resamples: int, seed: Seed
    ) -> FloatArray:
        """Return a function of covariances (B, m, m) in B resamples of respondents.

        NaN where a resample leaves it undefined.
        """
        self._need_values("ci='bootstrap'")
        if self.missing == "listwise" and function is alpha_of:
            return resampled_alphas(self.values, n_resamples, seed)
        if self.missing == "listwise":
            return function(resampled_covariances(self.values, n_resamples, seed))
        counts = resampled_counts(len(self.values), n_resamples, seed)
        return np.concatenate([self._reweighted(function, block) for block in counts])

    def without_each(self, function: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """Return a function of covariances (B, m, m) without each respondent (n,).

        NaN where it is not defined without one of them.
        """
        self._need_values("ci='jackknife'")
        if self.missing == "listwise" and function is alpha_of:
            return alphas_without_each(self.values)
        if self.missing == "listwise":
            return without_each(self.values, function)
        blocks = weights_without_each(len(self.values), self.n_items**2)
        return np.concatenate([self._reweighted(function, block) for block in blocks])

    def _reweighted(
        self, function: Callable[[FloatArray], FloatArray], weights: FloatArray
    ) -> FloatArray:
        """Return the function with each respondent counted so often (b, n)."""
        if self.likelihood is None:
            return function(reweighted_pairwise(self.values, weights))
        covariances = np.zeros((len(weights), self.n_items, self.n_items))
        varies = self.moments.item_variance > 0
        covariances[:, np.outer(varies, varies)] = _reweighted_em(
            self.likelihood, weights
        ).reshape(len(weights), -1)
        return function(covariances)

    def _need_values(self, what: str) -> None:
        if len(self.values) == 0:
            raise ModelError(
                f"{what} needs the responses, but there are only their moments; use "
                "ci='normal-theory'."
            )


def moments_sample(moments: Moments, names: tuple[str, ...]) -> Sample:
    """Return a sample of which only the moments are known, as from a query."""
    return Sample(
        values=np.empty((0, len(names))),
        names=names,
        used=np.empty(0, dtype=bool),
        moments=moments,
        missing="listwise",
        notes=_notes(moments, names, "listwise", int(moments.n)),
    )


def prepare(
    items: ItemsLike | Responses | Sample,
    missing: str = "listwise",
    *,
    at_least_items: int = 2,
    at_least_n: int = 3,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> Sample:
    """Return the sample that a coefficient is computed from.

    Parameters
    ----------
    items : DataFrame, array_like of shape (n, m), Responses or Sample
        Numeric responses, or what `read_answers` made of them; a sample is returned as
        it is.
    missing : {"listwise", "pairwise", "em"}
        Use those who answered every item; use for each covariance those who have both
        items; or estimate the covariances by normal maximum likelihood.
    at_least_items, at_least_n : int
        The fewest items and respondents that make sense.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    Sample
        Moments with the n that was really used. With ``"pairwise"`` and ``"em"``
        people without any answer are excluded; ``"pairwise"`` counts the smallest n
        of any pair, ``"em"`` everyone who answered something.

    Raises
    ------
    DataError
        If the items are not usable, hold common codes for missing answers, or too
        few respondents remain.
    """
    missing = check_option("missing", missing, MISSING)
    if isinstance(items, Sample):
        return items
    responses = read_answers(
        items, missing_codes=missing_codes, accept=accept, at_least=at_least_items
    )
    values = responses.values
    whole = np.isfinite(values.sum())
    if whole:
        used = np.ones(len(values), dtype=bool)
    else:
        _check_answered(values, responses.names)
        some = np.asarray(~np.isnan(values).all(axis=1))
        used = complete(values) if missing == "listwise" else some
    kept = values if used.all() else values[used]
    treatment = "listwise" if whole else missing
    moments = (
        pairwise_moments(kept) if treatment == "pairwise" else listwise_moments(kept)
    )
    likelihood = None
    if treatment == "em":
        _check_n(len(kept), len(values), at_least_n, treatment)
        moments, likelihood = _em(kept, responses.names)
    moments = replace(moments, n_excluded=int((~used).sum()))
    _check_n(int(moments.n), len(values), at_least_n, treatment)
    lowest = _lowest(moments.covariance) if treatment == "pairwise" else 0.0
    incomplete = 0.0
    if not whole:
        incomplete = 1 - float(complete(values).sum()) / max(len(values), 1)
    return Sample(
        values=kept,
        names=responses.names,
        used=used,
        moments=moments,
        missing=treatment,
        likelihood=likelihood,
        notes=responses.notes
        + _notes(moments, responses.names, treatment, len(kept))
        + _deletion_notes(treatment, incomplete, lowest)
        + ((NOTE,) if responses.simulated else ()),
        lowest=lowest,
    )


def _lowest(covariance: FloatArray) -> float:
    """Return the smallest eigenvalue over the largest; 0 where they are not defined."""
    if not np.isfinite(covariance).all():
        return 0.0
    values = np.linalg.eigvalsh(covariance)
    return float(values[0] / values[-1]) if values[-1] > 0 else -1.0


def _deletion_notes(
    treatment: str, incomplete: float, lowest: float
) -> tuple[str, ...]:
    """Return what pairwise covariances and deleted respondents mean for a reader."""
    notes = []
    if lowest < _NEGATIVE:
        notes.append(
            "The pairwise covariances are inconsistent (the matrix is not positive "
            f"semidefinite: smallest eigenvalue {lowest:.2g} of the largest). This "
            "usually has "
            f"little effect on alpha; {option('missing', 'em')} avoids it."
        )
    if treatment in ("listwise", "pairwise") and incomplete >= _MANY_INCOMPLETE:
        notes.append(
            f"At least {percent(100 * _MANY_INCOMPLETE, 0)} of the respondents have "
            f"missing answers. {treatment.capitalize()} deletion assumes that these are "
            "missing completely at random: where low scorers skipped items more often, "
            "alpha of SIMULATED answers was .848 listwise and .862 pairwise instead of "
            f".867; {option('missing', 'em')} gave .867."
        )
    return tuple(notes)


def impossible(sample: Sample, what: str) -> str:
    """Return in words why a coefficient of such covariances is refused."""
    return (
        "pairwise deletion gives inconsistent covariances (the matrix is not "
        f"positive semidefinite: smallest eigenvalue {sample.lowest:.2g} of the "
        f"largest), and {what}. Use {option('missing', 'em')}, which estimates them "
        f"together, or {option('missing', 'listwise')}."
    )


def refuse_impossible(sample: Sample, estimate: float, name: str) -> None:
    """Raise a DataError for a coefficient that impossible covariances have spoilt."""
    if not sample.is_possible and not estimate < 1:
        value = "not defined" if np.isnan(estimate) else coefficient(estimate)
        raise DataError(impossible(sample, f"{name} would be {value}"))


def require_inverse(sample: Sample, instead: str) -> None:
    """Raise a DataError unless the covariances can be inverted.

    Parameters
    ----------
    sample : Sample
        Items that vary.
    instead : str
        What to use where they cannot.
    """
    m = sample.n_items
    people = len(sample.values) or int(sample.moments.n)
    if people <= m and sample.likelihood is None:
        raise DataError(
            f"more respondents than items are needed, but there are "
            f"{counted(people, 'respondent')} and {counted(m, 'item')}. Use {instead}."
        )
    values, vectors = np.linalg.eigh(correlation(sample.moments.covariance))
    if values[0] >= 1e-10:
        return
    if not sample.is_possible:
        raise DataError(impossible(sample, "a factor model cannot be fitted to it"))
    share = np.abs(vectors[:, 0])
    bound = [name for name, x in zip(sample.names, share, strict=True) if x > 1e-4]
    raise DataError(
        "the items' covariance matrix is not positive definite: these items are copies "
        f"or sums of one another: {listing(bound)}. Leave one of them out, or use "
        f"{instead}."
    )


def _check_answered(values: FloatArray, names: tuple[str, ...]) -> None:
    empty = np.flatnonzero(np.isnan(values).all(axis=0))
    if len(empty) and len(values):
        raise DataError(
            "every item needs answers, but these have none: "
            f"{listing(names[j] for j in empty)}. Leave them out."
        )


def _check_n(n: int, given: int, at_least: int, treatment: str) -> None:
    if n >= at_least:
        return
    who = {
        "listwise": "with every item answered",
        "pairwise": "for every pair of items",
        "em": "with any answer",
    }[treatment]
    raise DataError(
        f"at least {at_least} respondents {who} are needed, but there "
        f"{'is' if n == 1 else 'are'} {n} of {given}."
    )


def _notes(
    moments: Moments, names: tuple[str, ...], treatment: str, n: int
) -> tuple[str, ...]:
    notes = []
    variances = zip(names, moments.item_variance, strict=True)
    flat = [name for name, variance in variances if not variance > 0]
    if flat:
        notes.append(
            f"Without variance, and kept among the {counted(len(names), 'item')} "
            f"(psych would drop such items): {listing(flat)}."
        )
    against = against_scale(moments.covariance, int(moments.n))
    if against.any():
        turned = np.where(against, -1.0, 1.0)
        after = float(alpha_of(moments.covariance * np.outer(turned, turned)))
        which = [name for name, bad in zip(names, against, strict=True) if bad]
        runs = "Runs" if len(which) == 1 else "Run"
        notes.append(
            f"{runs} against the other items: {listing(which)}; reverse-scored, alpha "
            f"would be {coefficient(after)}."
        )
    if treatment == "pairwise":
        notes.append(
            f"Pairwise deletion: {moments.n} to "
            f"{counted(int(moments.n_most), 'respondent')} a pair of items; n is the "
            f"smallest, {moments.n}."
        )
    if treatment == "em":
        notes.append(
            "Covariances by normal maximum likelihood (EM) from "
            f"{counted(n, 'respondent')}, complete or not; right if answers are "
            "missing at random."
        )
    return tuple(notes)


def _em(values: FloatArray, names: tuple[str, ...]) -> tuple[Moments, Likelihood]:
    # from the lowest answers, so that sums of large numbers lose nothing
    lowest = np.nanmin(values, axis=0)
    varies = np.nanmax(values, axis=0) > lowest
    likelihood = fit_likelihood(
        (values - lowest)[:, varies], tuple(np.asarray(names)[varies].tolist())
    )
    n, m = values.shape
    mean = lowest.copy()
    mean[varies] += likelihood.mean
    covariance = np.zeros((m, m))
    # divisor n - 1, so that complete data give the sample covariance
    covariance[np.ix_(varies, varies)] = likelihood.covariance * n / (n - 1)
    return Moments(n=n, mean=mean, covariance=covariance, n_most=n), likelihood


def _varying(sample: Sample, gradient: FloatArray) -> FloatArray:
    """Return the part of a gradient that belongs to the items in the likelihood."""
    varies = sample.moments.item_variance > 0
    part: FloatArray = gradient[np.ix_(varies, varies)]
    return part


def reweighted_pairwise(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return pairwise covariances (b, m, m) with each respondent counted so often."""
    answered = ~np.isnan(values)
    mean = np.nansum(values, axis=0) / answered.sum(axis=0)
    present = answered.astype(np.float64)
    centred = np.where(answered, values - mean, 0.0)
    n, m = values.shape

    def summed(left: FloatArray, right: FloatArray) -> FloatArray:
        products = (left[:, :, None] * right[:, None, :]).reshape(n, m * m)
        return (weights @ products).reshape(-1, m, m)

    size = summed(present, present)
    size = np.where(size > 1, size, np.nan)
    sums = summed(centred, present)
    cross = summed(centred, centred) - sums * np.swapaxes(sums, -1, -2) / size
    return cross / (size - 1)


def _reweighted_em(likelihood: Likelihood, weights: FloatArray) -> FloatArray:
    """Return EM covariances of resamples, a few at a time; NaN where undefined."""
    m = len(likelihood.mean)
    covariances = np.full((len(weights), m, m), np.nan)
    for start in range(0, len(weights), 50):
        rows = slice(start, start + 50)
        try:
            covariances[rows] = _em_covariance(likelihood, weights[rows])
        except (ConvergenceError, np.linalg.LinAlgError):
            for i in range(start, min(start + 50, len(weights))):
                with suppress(ConvergenceError, np.linalg.LinAlgError):
                    covariances[i] = _em_covariance(likelihood, weights[i : i + 1])[0]
    return covariances


def _em_covariance(likelihood: Likelihood, weights: FloatArray) -> FloatArray:
    # a resample's own error is far larger than this tolerance
    return em_moments(likelihood.patterns, weights, tolerance=1e-6)[1]


def varying_sample(
    items: ItemsLike | Responses | Sample,
    missing: str = "listwise",
    *,
    at_least_items: int = 2,
    at_least_n: int = 3,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> Sample:
    """Return the sample of the items that vary.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Numeric responses.
    missing : {"listwise", "pairwise", "em"}
        Treatment of missing answers.
    at_least_items, at_least_n : int
        The fewest items that vary, and the fewest respondents.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    Sample
        As :func:`prepare` gives it, for the items that vary.

    Raises
    ------
    DataError
        If too few items vary or too few respondents remain.

    Notes
    -----
    An item to which everyone gives the same answer has no correlations. It is excluded
    with a note, as psych does, and ``n_items`` counts what is left.
    """
    given: Sample | Responses
    if isinstance(items, Sample):
        given = items
    else:
        given = read_answers(items, missing_codes=missing_codes, accept=accept)
    sample = prepare(given, missing, at_least_n=at_least_n)
    names = np.asarray(sample.names, dtype=object)
    varies = sample.moments.item_variance > 0
    if varies.sum() < at_least_items:
        flat = (
            f" (always the same: {listing(names[~varies])})" if not varies.all() else ""
        )
        raise DataError(
            f"at least {at_least_items} items with differing answers are needed, but "
            f"there {'is' if varies.sum() == 1 else 'are'} {varies.sum()}{flat}."
        )
    if varies.all():
        return sample
    left = tuple(names[varies].tolist())
    if isinstance(given, Sample):
        moments = sample.moments
        part = replace(
            moments,
            mean=moments.mean[varies],
            covariance=moments.covariance[np.ix_(varies, varies)],
        )
        kept = moments_sample(part, left)
    else:
        answers = replace(given, values=given.values[:, varies], names=left)
        kept = prepare(answers, missing, at_least_n=at_least_n)
    note = f"Excluded because everyone gave the same answer: {listing(names[~varies])}."
    said = tuple(t for t in sample.notes if t == NOTE and t not in kept.notes)
    return replace(kept, notes=(note, *kept.notes, *said))
