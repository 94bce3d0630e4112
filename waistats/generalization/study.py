"""A reliability generalization study: its tables, models and what they rest on."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from waistats.effect_sizes import ALPHA_TYPES
from waistats.errors import ModelError
from waistats.format import (
    Result,
    coefficient,
    count,
    frame_html,
    frame_text,
    interval,
    level,
    words_html,
)
from waistats.generalization.cells import pooled_cells, pooled_row, shrunken
from waistats.generalization.correlates import correlates
from waistats.generalization.describe import (
    CELL,
    describe_coefficients,
    grouping,
    kinds,
    stem_and_leaf,
)
from waistats.generalization.main_scale import main_rows
from waistats.generalization.pool import FEWEST_TO_POOL, Pooled
from waistats.generalization.robustness import robustness
from waistats.generalization.screen import pooled_levels, screen_moderators
from waistats.meta.fit import fit_meta
from waistats.meta.multilevel import fit_multilevel
from waistats.meta.multilevel_result import MultilevelResult
from waistats.meta.result import MetaResult
from waistats.provenance import marked
from waistats.sensitivity.influence import influence
from waistats.sensitivity.leave_one_out import leave_one_out
from waistats.sensitivity.multiverse import multiverse
from waistats.sensitivity.multiverse_result import Multiverse


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RGStudy(Result):
    """A reliability generalization study: tables, models and what they rest on.

    Frames that take work (moderators, sensitivity) are computed when first asked for.

    Attributes
    ----------
    title : str
        What was studied.
    effects : DataFrame
        All rows with ``yi, vi``; rows that cannot be pooled keep them empty and say why
        in ``reason``.
    by : tuple of str
        Columns that make the cells.
    measure, method, bias, conf_level
        Scale of pooling, estimator of heterogeneity, correction of the Bonett scale,
        level of the intervals.
    main_scale : str
        The scale of the overall model: total where there is one. Totals and subscales
        are never pooled together.
    pooled : Pooled or None
        The overall model; None with fewer than three studies.
    formula : str or None
        Moderators of ``moderator_model``.
    simulated : bool
        Whether any row is SIMULATED.
    """

    title: str
    effects: pd.DataFrame
    by: tuple[str, ...]
    measure: str
    method: str
    conf_level: float
    main_scale: str
    pooled: Pooled | None
    formula: str | None
    within_correlation: float | None
    simulated: bool
    candidates: tuple[str, ...] | None = None
    bias: str = "none"
    V: Any = field(default=None, repr=False)

    @property
    def coefficients(self) -> pd.DataFrame:
        """The coefficient table without effect sizes."""
        return self.effects.drop(columns=["measure", "yi", "vi"])

    @property
    def overall(self) -> MetaResult | MultilevelResult | None:
        """The overall model; None with fewer than three studies."""
        return None if self.pooled is None else self.pooled.fit

    @property
    def main_rows(self) -> pd.DataFrame:
        """The effects of the overall model."""
        used = self.effects[self.effects["yi"].notna()]
        return main_rows(used, self.main_scale).reset_index(drop=True)

    @property
    def excluded(self) -> pd.DataFrame:
        """Rows that cannot be pooled, and why."""
        left = self.effects[self.effects["yi"].isna()]
        names = ["study_id", "coefficient_id", *grouping(left, CELL)]
        names += [c for c in ("coefficient_type", "estimate", "reason") if c in left]
        return marked(left[names].reset_index(drop=True), self.simulated)

    @cached_property
    def descriptives(self) -> pd.DataFrame:
        """`describe_coefficients` of every row, in cells."""
        return describe_coefficients(self.coefficients, self.by)

    @cached_property
    def cells(self) -> pd.DataFrame:
        """Pooled reliability per cell, a row each."""
        return pooled_cells(self.effects, self.by, **self._options)

    @cached_property
    def scales(self) -> pd.DataFrame:
        """Pooled reliability per scale and kind of coefficient."""
        return pooled_cells(self.effects, ("scale",), **self._options)

    @cached_property
    def screen(self) -> pd.DataFrame:
        """Tests of moderators one at a time, a row each."""
        return screen_moderators(
            self.main_rows,
            self.candidates,
            method=self.method,
            conf_level=self.conf_level,
        )

    @cached_property
    def levels(self) -> pd.DataFrame:
        """Pooled reliability per level of each categorical moderator."""
        return pooled_levels(self.main_rows, self.candidates, **self._options)

    @cached_property
    def correlates(self) -> pd.DataFrame:
        """Bivariate correlations of the overall rows, as in the classical study."""
        return correlates(self.main_rows, self.candidates)

    @cached_property
    def moderator_model(self) -> MetaResult | MultilevelResult | None:
        """The model with the moderators that were asked for."""
        if self.formula is None:
            return None
        used = self.effects[self.effects["yi"].notna()]
        alphas = used[kinds(used).isin(ALPHA_TYPES)]
        whole = "scale" in self.formula or "coefficient_type" in self.formula
        rows = alphas if whole else self.main_rows
        if rows["study_id"].duplicated().any():
            method = self.method if self.method in {"ML", "REML"} else "REML"
            return fit_multilevel(
                rows,
                self.formula,
                method=method,
                conf_level=self.conf_level,
                within_correlation=self.within_correlation,
            )
        return fit_meta(
            rows, self.formula, method=self.method, conf_level=self.conf_level
        )

    @property
    def equation(self) -> str:
        """The predictive equation of the moderator model, in words; empty without."""
        model = self.moderator_model
        if model is None:
            return ""
        terms = [
            f"{value:+.4f}" + ("" if name == "Intercept" else f" × {name}")
            for name, value in zip(model.design.names, model.beta, strict=True)
        ]
        body = " ".join(terms).lstrip("+")
        return {
            "bonett": f"alpha = 1 − exp(−({body}))",
            "hakstian-whalen": f"alpha = 1 − (1 − ({body}))^3",
            "raw": f"alpha = {body}",
            "fisher-z": f"alpha = tanh({body})",
        }[self.measure]

    @cached_property
    def leave_one_out(self) -> pd.DataFrame:
        """The overall estimate without each study, on the alpha scale."""
        fit = self._model
        by = "study_id" if isinstance(fit, MultilevelResult) else None
        frame = leave_one_out(fit, by, back_transform=True)
        return marked(frame, self.simulated)

    @cached_property
    def influence(self) -> pd.DataFrame:
        """Influence of each coefficient on the one-level model."""
        self._model  # noqa: B018  (raises where there is no model)
        assert self.pooled is not None
        return marked(influence(self.pooled.independent), self.simulated)

    @cached_property
    def robustness(self) -> pd.DataFrame:
        """Small-study and reporting checks of the one-level model; see `robustness`."""
        self._model  # noqa: B018
        assert self.pooled is not None
        return robustness(self.pooled.independent)

    @cached_property
    def multiverse(self) -> Multiverse:
        """The overall rows pooled in every defensible way."""
        self._model  # noqa: B018
        names = ["measure", "yi", "vi"]
        return multiverse(
            self.main_rows.drop(columns=names),
            conf_level=self.conf_level,
            multilevel_correlation=self.within_correlation,
        )

    @cached_property
    def shrunken(self) -> pd.DataFrame:
        """Each study's coefficient drawn towards the mean by its imprecision."""
        self._model  # noqa: B018
        assert self.pooled is not None
        return shrunken(self.pooled)

    @property
    def stem_and_leaf(self) -> str:
        """Stem-and-leaf display of the alphas."""
        rows = self.effects[kinds(self.effects).isin(ALPHA_TYPES)]
        return stem_and_leaf(pd.to_numeric(rows["estimate"], errors="coerce"))

    @property
    def _model(self) -> MetaResult | MultilevelResult:
        if self.overall is None:
            raise ModelError(
                f"There is no overall model: fewer than {FEWEST_TO_POOL} studies give "
                f"a poolable coefficient of the {self.main_scale} scale."
            )
        return self.overall

    @property
    def _options(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "conf_level": self.conf_level,
            "within_correlation": self.within_correlation,
        }

    def to_frame(self) -> pd.DataFrame:
        """Return pooled reliability per cell."""
        return self.cells.copy()

    def summary(self) -> pd.DataFrame:
        """Return the overall result in one row, on the alpha scale."""
        row = pooled_row(self.main_rows, **self._options)
        frame = pd.DataFrame([{"scale": self.main_scale} | row])
        return marked(frame, self.simulated)

    def heading(self) -> str:
        """Return what was studied and the overall result."""
        used = self.effects["yi"].notna()
        left = int((~used).sum())
        words = f"Reliability generalization of {self.title}"
        if self.simulated:
            words += " (SIMULATED data)"
        studies = self.effects.loc[used, "study_id"].nunique()
        lines = [
            words,
            f"{count(used.sum())} coefficients of {count(studies)} studies can be "
            f"pooled; {count(left)} cannot.",
        ]
        lines.append(self.sentence())
        return "\n".join(lines)

    def sentence(self) -> str:
        """Return the overall result in a sentence."""
        if self.pooled is None:
            return (
                f"Fewer than {FEWEST_TO_POOL} studies give a poolable coefficient of "
                f"the {self.main_scale} scale: descriptive only."
            )
        row = self.pooled.row()
        shown = level(self.conf_level)
        return (
            f"Overall ({self.main_scale}, k = {row['k']}, {self.pooled.model}): "
            f"alpha = {coefficient(row['estimate'])}, {shown} CI "
            f"{interval(row['ci_low'], row['ci_high'])}, {shown} PI "
            f"{interval(row['pi_low'], row['pi_high'])}, I2 = {row['I2']:.1f}%"
        )

    def shown(self) -> pd.DataFrame:
        """Return the cells without their tests."""
        return self.cells.drop(columns=["Q", "Q_df", "Q_p", "tau2"])

    def __str__(self) -> str:
        return f"{self.heading()}\n\n{frame_text(self.shown(), 3)}"

    def _repr_html_(self) -> str:
        head = words_html(self.heading(), title=True)
        return f'<div class="waistats">{head}{frame_html(self.shown(), 3)}</div>'

    def report(self, path: str | Path, *, force: bool = True) -> Path:
        """Write the report of the study as one self-contained page, or to Word.

        Parameters
        ----------
        path : str or path
            The file to write: ``"report.html"``, which needs no network to be read, or
            ``"report.docx"`` (python-docx).
        force : bool, default True
            Replace a file that is there.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        DataError
            If the file name ends otherwise, or the file cannot be written.
        ModelError
            If python-docx is needed and not installed.
        """
        from waistats.report.page import write_report

        return write_report(self, path, force=force)
