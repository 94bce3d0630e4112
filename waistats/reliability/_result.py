"""The one result of every reliability coefficient."""

from dataclasses import dataclass

import pandas as pd

from waistats._format import Result, coefficient, counted, fixed, interval, level
from waistats.provenance import SIMULATED, marked, noted

_ABOVE = (
    "The upper limit is above 1, where no reliability is: this interval is symmetric "
    "about the estimate. Read it as 1; an interval on Bonett's scale stays below 1."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ReliabilityEstimate(Result):
    """A reliability coefficient with its uncertainty and what it was computed from.

    Attributes
    ----------
    coefficient : str
        The kind, as in a coefficient table's ``coefficient_type``: ``"alpha"``,
        ``"omega_total"``, ``"icc"``, ...
    estimate : float
        The coefficient.
    se : float
        Its standard error on the coefficient's own scale; NaN where none is defined.
    ci_low, ci_high : float
        Confidence limits; NaN where none are defined.
    conf_level : float
        Confidence level of the limits.
    ci : str
        How the interval was made: ``"feldt"``, ``"bonett"``, ...; ``""`` for none.
    n : int
        Respondents really used.
    n_items : int
        Items really used.
    n_excluded : int
        Respondents left out (missing answers).
    method : str
        How the estimate was made, in words.
    notes : tuple of str
        What a reader must know of this estimate, in sentences.
    """

    coefficient: str
    estimate: float
    se: float
    ci_low: float
    ci_high: float
    n: int
    n_items: int
    conf_level: float = 0.95
    ci: str = ""
    n_excluded: int = 0
    method: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Copy what came in, and say where a limit is no reliability."""
        if self.ci_high > 1 and _ABOVE not in self.notes:
            object.__setattr__(self, "notes", (*self.notes, _ABOVE))
        Result.__post_init__(self)

    @property
    def simulated(self) -> bool:
        """Whether the responses are SIMULATED."""
        return noted(self.notes)

    def to_frame(self) -> pd.DataFrame:
        """Return one row: the coefficient, its interval and its counts."""
        frame = pd.DataFrame(
            {
                "coefficient": [self.coefficient],
                "estimate": [self.estimate],
                "se": [self.se],
                "ci_low": [self.ci_low],
                "ci_high": [self.ci_high],
                "n": [self.n],
                "n_items": [self.n_items],
                "n_excluded": [self.n_excluded],
            }
        )
        return marked(frame, self.simulated)

    def heading(self) -> str:
        """Return the coefficient and its interval in a line."""
        text = f"{self.coefficient} = {coefficient(self.estimate)}"
        if self.ci:
            limits = interval(self.ci_low, self.ci_high)
            text += f", {level(self.conf_level)} CI {limits} ({self.ci})"
        text += f", n = {self.n}, {counted(self.n_items, 'item')}"
        if self.se == self.se:
            text += f", se = {fixed(self.se)}"
        return text + (f", {SIMULATED} data" if self.simulated else "")

    def closing(self) -> str:
        """Return the method and the notes, a line each."""
        lines = [self.method] if self.method else []
        if self.n_excluded:
            lines.append(
                f"{counted(self.n_excluded, 'respondent')} with missing answers excluded."
            )
        return "\n".join([*lines, *self.notes])
