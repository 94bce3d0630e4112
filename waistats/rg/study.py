"""A reliability generalization study: its tables, models and what they rest on."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from waistats._format import (
    Result,
    coefficient,
    count,
    counted,
    fixed,
    frame_html,
    frame_text,
    interval,
    level,
    percent,
    words_html,
)
from waistats.errors import ModelError
from waistats.measures import ALPHA_TYPES, kind_words, status_of
from waistats.meta._covariance import SamplingCovariance
from waistats.meta._fits import Fits
from waistats.meta._prediction import DEFAULT_PREDICTION
from waistats.meta.fit import fit_effects
from waistats.meta.multilevel.fit import fit_nested
from waistats.meta.multilevel.result import Model
from waistats.provenance import marked
from waistats.rg._part import part_of
from waistats.rg._score_error import pooled_sem
from waistats.rg.coders import CoderAgreement, compare_coders
from waistats.rg.correlates import correlates
from waistats.rg.descriptives import (
    CELL,
    describe_coefficients,
    grouping,
    kinds,
    stem_and_leaf,
)
from waistats.rg.moderators import pooled_levels, screen_moderators
from waistats.rg.pooling import (
    FEWEST_TO_POOL,
    Pooled,
    cell_row,
    likelihood,
    main_rows,
    method_note,
    pooled_cells,
)
from waistats.rg.robustness import robustness
from waistats.rg.texts import AuthorTexts, read_texts
from waistats.sensitivity.deletion import influence, leave_one_out
from waistats.sensitivity.multiverse import Multiverse, every_way

# studies up to which a model of three levels is refitted without each
MANY_REFITS = 200


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
    prediction : str
        The prediction interval of one-level models.
    formula : str or None
        Moderators of ``moderator_model``.
    simulated : bool
        Whether any row is SIMULATED.
    V : SamplingCovariance or None
        Sampling covariance of coefficients that share respondents; ``V.of(rows)``
        gives that of some rows.
    screening, coders, texts
        Log of the search, sheets of further coders, the author's paragraphs.
    missing_moderators : str
        What is done with rows that lack a moderator.
    notes : tuple of str
        What was filled in or excluded on the way from the table to the models.
    intake : tuple of str
        What was found and decided when the data were read, and accepted findings.
    fits : Fits
        What was fitted for the study, each once.
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
    V: SamplingCovariance | None = field(default=None, repr=False)
    prediction: str = DEFAULT_PREDICTION
    screening: Any = field(default=None, repr=False)
    coders: Any = field(default=None, repr=False)
    texts: Any = field(default=None, repr=False)
    missing_moderators: str = "error"
    notes: tuple[str, ...] = ()
    intake: tuple[str, ...] = ()
    fits: Fits = field(default_factory=Fits, repr=False)

    @property
    def coefficients(self) -> pd.DataFrame:
        """The coefficient table without effect sizes."""
        return self.effects.drop(columns=["measure", "yi", "vi"])

    @property
    def overall(self) -> Model | None:
        """The overall model; None with fewer than three studies."""
        return None if self.pooled is None else self.pooled.fit

    @property
    def main_rows(self) -> pd.DataFrame:
        """The effects of the overall model."""
        return self.effects[self.in_main].reset_index(drop=True)

    @property
    def in_main(self) -> pd.Series:
        """Which rows of ``effects`` the overall model pools."""
        used = self.effects[self.effects["yi"].notna()]
        rows = main_rows(used, self.main_scale).index
        return pd.Series(self.effects.index.isin(rows), index=self.effects.index)

    @property
    def own_rows(self) -> pd.DataFrame:
        """The rows that report something of their own sample, none that are quoted."""
        return self.effects[status_of(self.effects).own]

    @property
    def author_texts(self) -> AuthorTexts:
        """What the authors tell of aims, criteria, search, funding and the like."""
        return AuthorTexts() if self.texts is None else read_texts(self.texts)

    @property
    def agreement(self) -> CoderAgreement | None:
        """How far the first of the further coders agrees with the table."""
        return self.agreements[0] if self.agreements else None

    @cached_property
    def agreements(self) -> tuple[CoderAgreement, ...]:
        """How far each further coder agrees with the table."""
        if self.coders is None:
            return ()
        several = isinstance(self.coders, (list, tuple))
        return tuple(
            one
            if isinstance(one, CoderAgreement)
            else compare_coders(self.coefficients, one, conf_level=self.conf_level)
            for one in (self.coders if several else [self.coders])
        )

    @property
    def excluded(self) -> pd.DataFrame:
        """Rows that cannot be pooled, and why."""
        return self._left_out(self.effects)

    @property
    def own_excluded(self) -> pd.DataFrame:
        """Of the ``own_rows`` those that cannot be pooled, and why."""
        return self._left_out(self.own_rows)

    def _left_out(self, rows: pd.DataFrame) -> pd.DataFrame:
        left = rows[rows["yi"].isna()]
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
        return pooled_cells(self.effects, self.by, **self.pool_options)

    @cached_property
    def scales(self) -> pd.DataFrame:
        """Pooled reliability per scale and kind of coefficient."""
        return pooled_cells(self.effects, ("scale",), **self.pool_options)

    @cached_property
    def screen(self) -> pd.DataFrame:
        """Tests of moderators one at a time, a row each."""
        return self.screened(self.main_rows)

    def screened(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the tests of moderators on some rows of ``effects``.

        Parameters
        ----------
        rows : DataFrame
            Rows of ``effects``.
        """
        return screen_moderators(
            rows,
            self.candidates,
            method=self.method,
            conf_level=self.conf_level,
            V=self.V,
            fits=self.fits,
        )

    @cached_property
    def levels(self) -> pd.DataFrame:
        """Pooled reliability per level of each categorical moderator."""
        return pooled_levels(self.main_rows, self.candidates, **self.pool_options)

    @cached_property
    def correlates(self) -> pd.DataFrame:
        """Bivariate correlations of the overall rows, as in the classical study."""
        return correlates(self.main_rows, self.candidates, conf_level=self.conf_level)

    @cached_property
    def moderator_model(self) -> Model | None:
        """The model with the moderators that were asked for."""
        if self.formula is None:
            return None
        used = self.effects[self.effects["yi"].notna()]
        alphas = used[kinds(used).isin(ALPHA_TYPES)]
        whole = "scale" in self.formula or "coefficient_type" in self.formula
        rows = alphas if whole else self.main_rows
        if rows["study_id"].duplicated().any():
            fit = fit_nested(
                rows,
                self.formula,
                method=likelihood(self.method),
                conf_level=self.conf_level,
                within_correlation=self.pool_options["within_correlation"],
                V=self.V,
                missing_moderators=self.missing_moderators,
                fits=self.fits,
            )
            return replace(fit, fit_notes=(*method_note(self.method), *fit.fit_notes))
        return fit_effects(
            rows,
            self.formula,
            method=self.method,
            conf_level=self.conf_level,
            missing_moderators=self.missing_moderators,
            fits=self.fits,
        )

    @property
    def equation(self) -> str:
        """The predictive equation of the moderator model, in words; empty without."""
        model = self.moderator_model
        if model is None:
            return ""
        terms = [
            f"{'−' if value < 0 else '+'} {fixed(abs(value))}"
            + ("" if name == "Intercept" else f" × {name}")
            for name, value in zip(model.design.names, model.beta, strict=True)
        ]
        body = " ".join(terms).removeprefix("+ ").replace("− ", "−", terms[0][0] == "−")
        return {
            "bonett": f"alpha = 1 − exp(−({body}))",
            "hakstian-whalen": f"alpha = 1 − (1 − ({body}))^3",
            "raw": f"alpha = {body}",
            "fisher-z": f"alpha = tanh({body})",
        }[self.measure]

    @cached_property
    def part(self) -> "RGStudy":
        """The study itself, or of more than 2,000 coefficients a random part.

        A report checks what fits the model many times on the part, and says so.
        """
        return part_of(self)

    @cached_property
    def leave_one_out(self) -> pd.DataFrame:
        """The overall estimate without each study, on the alpha scale."""
        by = "study_id" if self._model.is_multilevel else None
        frame = leave_one_out(self.refitted, by, back_transform=True)
        return marked(frame, self.simulated)

    @cached_property
    def influence(self) -> pd.DataFrame:
        """Influence of each coefficient on the overall model."""
        return marked(influence(self.refitted), self.simulated)

    @property
    def refitted(self) -> Model:
        """The model that deletions refit: of very many studies the one-level one."""
        fit = self._model
        assert self.pooled is not None
        many = self.pooled.n_studies > MANY_REFITS
        return self.pooled.independent if many else fit

    @cached_property
    def robustness(self) -> pd.DataFrame:
        """Small-study and reporting checks of the overall model; see `robustness`."""
        return robustness(self._model)

    @cached_property
    def multiverse(self) -> Multiverse:
        """The overall rows pooled in every defensible way."""
        self._model  # noqa: B018
        rows = self.main_rows
        plain = self.measure == "bonett" and self.bias == "none"
        return every_way(
            rows.drop(columns=["measure", "yi", "vi"]),
            conf_level=self.conf_level,
            multilevel_correlation=self.within_correlation,
            V=self.V,
            fits=self.fits,
            effects=rows if plain else None,
        )

    @cached_property
    def score_errors(self) -> pd.DataFrame:
        """Standard errors of measurement in points of each form; see `pooled_sem`."""
        return pooled_sem(
            self.effects,
            self.by,
            conf_level=self.conf_level,
            prediction=self.prediction,
        )

    @cached_property
    def shrunken(self) -> pd.DataFrame:
        """Each coefficient drawn towards the mean by its imprecision; `true_values`."""
        return self._model.true_values(self.conf_level)

    @property
    def stem_and_leaf(self) -> str:
        """Stem-and-leaf display of the alphas."""
        rows = self.own_rows
        rows = rows[kinds(rows).isin(ALPHA_TYPES)]
        return stem_and_leaf(pd.to_numeric(rows["estimate"], errors="coerce"))

    @property
    def _model(self) -> Model:
        if self.overall is None:
            raise ModelError(
                f"There is no overall model: fewer than {FEWEST_TO_POOL} studies give "
                f"a poolable coefficient of the {self.main_scale} scale."
            )
        return self.overall

    @property
    def pool_options(self) -> dict[str, Any]:
        """Return how parts of the study are pooled, as options of `pool`."""
        return {
            "method": self.method,
            "conf_level": self.conf_level,
            # a known covariance holds the assumed correlation of the others
            "within_correlation": None
            if self.V is not None
            else self.within_correlation,
            "V": self.V,
            "prediction": self.prediction,
            "fits": self.fits,
        }

    def to_frame(self) -> pd.DataFrame:
        """Return pooled reliability per cell."""
        return self.cells.copy()

    def summary(self) -> pd.DataFrame:
        """Return the overall result in one row, on the alpha scale."""
        row = (
            cell_row(self.main_rows, **self.pool_options)
            if self.pooled is None
            else self.pooled.row()
        )
        frame = pd.DataFrame([{"scale": self.main_scale} | row])
        return marked(frame, self.simulated)

    def heading(self) -> str:
        """Return what was studied and the overall result."""
        used = self.effects["yi"].notna()
        left = int((~used).sum())
        of = f" of {self.title}" if self.title else ""
        words = f"Reliability generalization{of}"
        if self.simulated:
            words += " (SIMULATED data)"
        studies = self.effects.loc[used, "study_id"].nunique()
        lines = [
            words,
            f"{counted(used.sum(), 'coefficient')} of {counted(studies, 'study')} can "
            f"be pooled; {count(left)} cannot.",
        ]
        lines.append(self._first())
        if self.pooled is not None:
            lines += self.pooled.notes
        for words, note in self._others():
            lines += [words, note] if note else [words]
        return "\n".join(lines)

    def sentence(self) -> str:
        """Return the overall result in a sentence; without one, what else is pooled."""
        return "\n".join([self._first(), *(words for words, _ in self._others())])

    def _first(self) -> str:
        if self.pooled is not None:
            return self._in_words("Overall", "alpha", self.pooled.row())
        few, scale = f"Fewer than {FEWEST_TO_POOL} studies give", self.main_scale
        if self._others():
            return f"{few} a poolable alpha of the {scale} scale: no overall model."
        return f"{few} a poolable coefficient of the {scale} scale: descriptive only."

    def _others(self) -> list[tuple[str, str]]:
        """Return in words what is pooled where there is no overall model, with notes."""
        if self.pooled is not None:
            return []
        rows = self.scales[self.scales["estimate"].notna()].to_dict("records")
        return [
            (
                self._in_words("Pooled", kind_words(row["coefficient_type"]), row),
                str(row["note"]),
            )
            for row in rows
        ]

    def _in_words(self, what: str, kind: str, row: Any) -> str:
        shown = level(self.conf_level)
        scale = row.get("scale", self.main_scale)
        return (
            f"{what} ({scale}, k = {row['k']}, {row['model']}): "
            f"{kind} = {coefficient(row['estimate'])}, {shown} CI "
            f"{interval(row['ci_low'], row['ci_high'])}, {shown} PI "
            f"{interval(row['pi_low'], row['pi_high'])}, I2 = {percent(row['I2'])}"
        )

    def shown(self) -> pd.DataFrame:
        """Return the cells without their tests."""
        return self.cells.drop(columns=["Q", "Q_df", "Q_p", "tau2"])

    def __str__(self) -> str:
        parts = [self.heading(), frame_text(self.shown(), 3), "\n".join(self.notes)]
        return "\n\n".join(filter(None, parts))

    def _repr_html_(self) -> str:
        head = words_html(self.heading(), title=True)
        notes = words_html("\n".join(self.notes)) if self.notes else ""
        table = frame_html(self.shown(), 3)
        return f'<div class="waistats">{head}{table}{notes}</div>'

    def report(
        self,
        path: str | Path,
        *,
        force: bool = True,
        short: bool = False,
        forest_columns: Sequence[str] | None = None,
        forest_by: str | None = None,
    ) -> Path:
        """Write the report of the study as one self-contained page, or to Word.

        Parameters
        ----------
        path : str or path
            The file to write: ``"report.html"``, which needs no network to be read, or
            ``"report.docx"`` (python-docx).
        force : bool, default True
            Replace a file that is there.
        short : bool, default False
            Write four to six pages in the form of a paper instead of everything.
        forest_columns : sequence of str, optional
            Columns of text next to the forest plots, as ``columns`` of
            `figures.forest`: ``"n"``, ``"n_items"``, ``"estimate"``, ``"weight"`` and any
            column of the coefficients.
        forest_by : str, optional
            A column whose groups have a heading and a pooled value each in the forest
            plots, and a test of their differences.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        DataError
            If the file name ends otherwise, or the file cannot be written.
        ModelError
            If python-docx is needed and not installed, or a column for the forest
            plots is not among those of the coefficients.
        """
        from waistats.report.render_html import write_report

        return write_report(
            self,
            path,
            force=force,
            short=short,
            forest_columns=forest_columns,
            forest_by=forest_by,
        )
