"""Sampling covariance of alphas that share respondents, from influence functions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from waistats._format import Result, counted
from waistats._typing import BoolArray, FloatArray
from waistats.errors import DataError, ModelError, check_option
from waistats.measures import slope
from waistats.provenance import marked, noted, of_simulated
from waistats.reliability._answers import Accepted, Codes, match_respondents
from waistats.reliability._items import ItemsLike
from waistats.reliability._moments import alpha_gradient, alpha_of, influence_covariance
from waistats.reliability._sample import Sample, impossible, prepare
from waistats.reliability.alpha import exactly_one, no_total_variance

MEASURES = ("bonett", "hakstian-whalen", "raw")


def pooling_slope(alpha: FloatArray, measure: str) -> FloatArray:
    """Return the derivative of the pooling scale by alpha."""
    measure = check_option("measure", measure, MEASURES)
    return slope(alpha, measure)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AlphaCovariance(Result):
    """Alphas of several scales and their sampling covariance.

    Attributes
    ----------
    scales : tuple of str
        Names of the scales.
    estimate : ndarray, shape (q,)
        Cronbach's alpha of each.
    n, n_items : ndarray of int, shape (q,)
        Respondents and items behind each.
    raw, hakstian_whalen, bonett : ndarray, shape (q, q)
        Sampling covariance of alpha, of 1 - (1 - alpha)**(1/3) and of -ln(1 - alpha).
    correlation : ndarray, shape (q, q)
        Sampling correlation, the same on every scale.
    n_shared : ndarray of int, shape (q, q)
        Respondents behind both alphas.
    notes : tuple of str
        What a reader must know.
    """

    scales: tuple[str, ...]
    estimate: FloatArray
    n: np.ndarray
    n_items: np.ndarray
    raw: FloatArray
    hakstian_whalen: FloatArray
    bonett: FloatArray
    correlation: FloatArray
    n_shared: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether the responses are SIMULATED."""
        return noted(self.notes)

    def matrix(self, measure: str = "bonett") -> pd.DataFrame:
        """Return the covariance on a pooling scale, labelled by scale.

        Parameters
        ----------
        measure : {"bonett", "hakstian-whalen", "raw"}
            The scale of the alphas.
        """
        measure = check_option("measure", measure, MEASURES)
        values = getattr(self, measure.replace("-", "_"))
        return pd.DataFrame(values, index=self.scales, columns=self.scales)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per pair of scales, each scale with itself too."""
        first, second = np.triu_indices(len(self.scales))
        names = np.asarray(self.scales, dtype=object)
        frame = pd.DataFrame(
            {
                "scale_1": names[first],
                "scale_2": names[second],
                "estimate_1": self.estimate[first],
                "estimate_2": self.estimate[second],
                "n": self.n_shared[first, second],
                "correlation": self.correlation[first, second],
                "covariance": self.raw[first, second],
                "covariance_bonett": self.bonett[first, second],
            }
        )
        return marked(frame, self.simulated)

    def heading(self) -> str:
        """Return what it is, in a line."""
        return (
            f"Sampling covariance of {counted(len(self.scales), 'alpha')}"
            f"{of_simulated(self.simulated)}, distribution-free "
            "(raw scale, and Bonett scale)"
        )

    def closing(self) -> str:
        """Return the notes, a line each."""
        return "\n".join(self.notes)


def alpha_covariance(
    scales: Mapping[str, ItemsLike],
    *,
    missing: str = "listwise",
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> AlphaCovariance:
    r"""Return the sampling covariance of alphas that come from the same people.

    Parameters
    ----------
    scales : mapping of str to items
        Keyed items of each scale, one row per respondent (or dyad). Scales may share
        items, as a total does with its subscales, or hold the same items from different
        raters. Frames with different indexes are matched by index; arrays by row.
    missing : {"listwise", "pairwise", "em"}
        Treatment of missing answers, within each scale.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    AlphaCovariance
        Alphas and covariance matrices: ``.raw``, ``.bonett``, ``.hakstian_whalen``,
        ``.correlation``; ``.matrix(measure)`` labels them.

    Raises
    ------
    DataError
        If the rows cannot be matched or an alpha is not defined.

    Notes
    -----
    With centred items, :math:`t_{ip}` the total and :math:`u_{ip}` the sum of squares
    of respondent i on scale p, :math:`D_p` the sum of :math:`u_{ip}` and :math:`V_p`
    that of :math:`t_{ip}^2`, both over n - 1,

    .. math:: F_{ip} = \frac{m_p}{m_p - 1}\,\frac{D_p t_{ip}^2 - V_p u_{ip}}{V_p^2},
        \qquad \mathrm{cov}(a_p, a_q) = \frac{\sum_i F_{ip} F_{iq}}{n(n - 1)}

    the delta method with the distribution-free covariance of the sample covariances;
    the diagonal is the variance of ``cronbach_alpha(ci="adf")``. Where scales have
    different respondents, the sum runs over those who are behind both and n (n - 1)
    is the geometric mean of the two. No package for R computes it.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> answers = rng.normal(size=(100, 1)) + rng.normal(size=(100, 6))
    >>> found = alpha_covariance({"first": answers[:, :3], "total": answers})
    >>> found.matrix("bonett").round(4)
            first   total
    first  0.0225  0.0177
    total  0.0177  0.0236
    """
    if not isinstance(scales, Mapping) or len(scales) < 1:
        raise ModelError(
            "alpha_covariance needs a mapping of scale to items, such as "
            "{'task': task_items, 'total': items}."
        )
    aligned, notes = match_respondents(
        scales, missing_codes=missing_codes, accept=accept
    )
    samples: dict[str, Sample] = {}
    for name, items in aligned.items():
        try:
            samples[name] = prepare(items, missing)
        except DataError as error:
            raise DataError(f"scale {name}: {error}") from error
    alphas = [_alpha_of(name, sample) for name, sample in samples.items()]
    influence, present = stacked_influence(
        list(samples.values()), lambda covariance, n: alpha_gradient(covariance)
    )
    raw = influence_covariance(influence, present)
    estimate = np.array(alphas)
    sd = np.sqrt(np.diagonal(raw))
    shared = present.astype(np.int64).T @ present.astype(np.int64)

    def on(measure: str) -> FloatArray:
        slope = pooling_slope(estimate, measure)
        return raw * np.outer(slope, slope)

    return AlphaCovariance(
        scales=tuple(samples),
        estimate=estimate,
        n=np.array([int(s.moments.n) for s in samples.values()]),
        n_items=np.array([s.n_items for s in samples.values()]),
        raw=raw,
        hakstian_whalen=on("hakstian-whalen"),
        bonett=on("bonett"),
        correlation=raw / np.outer(sd, sd),
        n_shared=shared,
        notes=notes
        + tuple(f"{k}: {note}" for k, s in samples.items() for note in s.notes),
    )


def stacked_influence(
    samples: Sequence[Sample],
    gradient: Callable[[FloatArray, int], FloatArray],
) -> tuple[FloatArray, BoolArray]:
    """Return influences (N, q) of N people on q coefficients and who is behind each.

    Parameters
    ----------
    samples : sequence of Sample
        The items of each coefficient, of the same N people in the same order.
    gradient : callable
        Covariances and n to the coefficient's derivative.
    """
    present = np.column_stack([sample.used for sample in samples])
    influence = np.zeros(present.shape)
    for j, sample in enumerate(samples):
        derivative = gradient(sample.moments.covariance, int(sample.moments.n))
        influence[present[:, j], j] = sample.influence(derivative)
    return influence, present


def _alpha_of(name: str, sample: Sample) -> float:
    alpha = exactly_one(float(alpha_of(sample.moments.covariance)))
    if not sample.is_possible and not alpha < 1:
        raise DataError(f"scale {name}: {impossible(sample, 'alpha would pass 1')}")
    if np.isnan(alpha):
        raise DataError(f"scale {name}: {no_total_variance(int(sample.moments.n))}.")
    if alpha == 1:
        raise DataError(
            f"scale {name}: alpha is exactly 1 (its items are copies of each other), "
            "so it has no sampling variance. Leave the scale out."
        )
    return alpha
