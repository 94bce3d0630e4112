"""What a multiverse found: its specifications, and which choices matter."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from waistats.format import Result, coefficient, count, frame_text, level, percent
from waistats.provenance import marked, of_simulated
from waistats.sensitivity.gosh_result import quantiles

CHOICES = ("measure", "model", "interval", "dependence", "exclusion")
MOVING = ("measure", "model", "dependence", "exclusion")
# what stands for the measure of the varying-coefficient model
OWN_SCALE = "alpha"
# differences below this do not show in a printed alpha
NOTABLE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Multiverse(Result):
    """Pooled alphas of every specification.

    Attributes
    ----------
    frame : DataFrame
        ``measure, model, interval, dependence, exclusion, k, n_studies, estimate,
        ci_low, ci_high, pi_low, pi_high`` on the alpha scale, ``tau2`` on each
        measure's, ``I2``; a row a specification.
    skipped : DataFrame
        Specifications without a result, and the ``reason``.
    thresholds : tuple of float
        What the conclusion is about.
    k : int
        Coefficients of the table.
    """

    frame: pd.DataFrame = field(repr=False)
    skipped: pd.DataFrame = field(repr=False)
    thresholds: tuple[float, ...]
    conf_level: float
    simulated: bool
    k: int

    @property
    def spread(self) -> float:
        """Largest less smallest pooled alpha."""
        return float(np.ptp(self.frame["estimate"]))

    def to_frame(self) -> pd.DataFrame:
        """Return one row a specification."""
        return self.frame.copy()

    def choices(self) -> pd.DataFrame:
        r"""Return what each choice does to the pooled alpha.

        Returns
        -------
        DataFrame
            ``choice, options, low, low_mean, high, high_mean, difference, share``: the
            options with the lowest and highest mean estimate, their difference, and
            the share (0-100) of the variance of estimates between options,
            :math:`\eta^2` of each choice alone. Largest difference first. The interval
            moves no estimate and is left out; the varying-coefficient model has a
            scale of its own and is left out of ``measure``.
        """
        rows = []
        for choice in MOVING:
            frame = self.frame
            if choice == "measure" and (frame["measure"] != OWN_SCALE).any():
                frame = frame[frame["measure"] != OWN_SCALE]
            estimate = frame["estimate"]
            total = float(((estimate - estimate.mean()) ** 2).sum())
            groups = estimate.groupby(frame[choice], sort=False)
            means, sizes = groups.mean(), groups.size()
            between = float((sizes * (means - estimate.mean()) ** 2).sum())
            rows.append(
                {
                    "choice": choice,
                    "options": len(means),
                    "low": means.idxmin(),
                    "low_mean": means.min(),
                    "high": means.idxmax(),
                    "high_mean": means.max(),
                    "difference": means.max() - means.min(),
                    "share": 100 * between / total if total > 0 else 0.0,
                }
            )
        frame = pd.DataFrame(rows).sort_values(
            "difference", ascending=False, kind="stable", ignore_index=True
        )
        return marked(frame, self.simulated)

    def bands(self) -> pd.DataFrame:
        """Return the share of estimates and intervals above each threshold.

        Columns ``threshold, estimate, ci_low, ci_high``, shares on 0-100.
        """
        names = ("estimate", "ci_low", "ci_high")
        frame = pd.DataFrame(
            {
                "threshold": self.thresholds,
                **{
                    name: [
                        100 * float((self.frame[name] >= c).mean())
                        for c in self.thresholds
                    ]
                    for name in names
                },
            }
        )
        return marked(frame, self.simulated)

    def sentence(self) -> str:
        """Return how much the conclusion depends on the choices."""
        estimate = self.frame["estimate"]
        n = len(estimate)
        low, middle, high = (
            coefficient(float(x)) for x in estimate.quantile([0, 0.5, 1])
        )
        text = (
            f"In {count(n)} specifications the pooled alpha lies between {low} and "
            f"{high} (median {middle}; spread {coefficient(self.spread)}). "
        )
        return text + self._verdict() + " " + self._mover()

    def _verdict(self) -> str:
        bands = self.bands()
        split = bands[(bands["estimate"] > 0) & (bands["estimate"] < 100)]
        if len(split) == 0:
            return f"All of them put it {self._place()}."
        words = [
            f"{percent(row.estimate, 0)} put it at or above {coefficient(row.threshold, 2)}"
            for row in split.itertuples()
        ]
        return f"The conclusion depends on the choices: {', '.join(words)}."

    def _place(self) -> str:
        estimate = float(self.frame["estimate"].iloc[0])
        above = [c for c in self.thresholds if estimate >= c]
        below = [c for c in self.thresholds if estimate < c]
        if above and below:
            return f"between {coefficient(above[-1], 2)} and {coefficient(below[0], 2)}"
        if above:
            return f"at or above {coefficient(above[-1], 2)}"
        return f"below {coefficient(below[0], 2)}" if below else "in the same place"

    def _mover(self) -> str:
        first = self.choices().iloc[0]
        if self.spread < NOTABLE:
            return "No choice matters for a printed alpha."
        return (
            f"What matters most is the choice of {first.choice}: on average "
            f"{coefficient(first.low_mean)} ({first.low}) to "
            f"{coefficient(first.high_mean)} ({first.high})."
        )

    def heading(self) -> str:
        """Return how many specifications there are."""
        text = f"Multiverse of {count(len(self.frame))} specifications (k = {self.k}"
        text += f"; {level(self.conf_level)} CI)"
        return text + of_simulated(self.simulated)

    def closing(self) -> str:
        """Return the sentence and what was skipped."""
        lines = [frame_text(self.choices()), "", self.sentence()]
        if len(self.skipped):
            lines.append(f"{len(self.skipped)} specifications skipped; see .skipped.")
        return "\n".join(lines)

    def shown(self) -> pd.DataFrame:
        """Return quantiles of the specifications."""
        return quantiles(self.frame[["estimate", "ci_low", "ci_high"]])
