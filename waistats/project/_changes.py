"""What changed between two runs of a study, and why its result moved."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from waistats._format import Result, coefficient, interval, signed
from waistats.errors import WaistatsError, listing
from waistats.measures import texts_of
from waistats.practice import interpret_reliability
from waistats.rg.study import RGStudy

# what may differ in a coefficient that both runs have
VALUES = ("estimate", "n", "n_items", "score_mean", "score_sd", "se", "status", "scale")
CAUSES = ("method", "values", "removed", "new")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Changes(Result):
    """What a run changed.

    Attributes
    ----------
    new_studies, removed_studies : tuple of str
        Studies with a coefficient in one of the runs only.
    coefficients : DataFrame
        ``change`` (new, removed, changed), ``study_id, coefficient_id``, ``column,
        before, after``.
    steps : DataFrame
        ``cause`` (method: settings and version; values; removed; new), ``before, after,
        shift`` of the pooled reliability; the shifts sum to the whole.
    before, after : dict
        ``k, n_studies, estimate, ci_low, ci_high, pi_low, pi_high, tau2`` of the runs.
    threshold : float
        What the conclusion is about.
    """

    new_studies: tuple[str, ...]
    removed_studies: tuple[str, ...]
    coefficients: pd.DataFrame = field(repr=False)
    steps: pd.DataFrame = field(repr=False)
    before: dict[str, Any]
    after: dict[str, Any]
    threshold: float

    def to_frame(self) -> pd.DataFrame:
        """Return the steps from the last result to this one."""
        return self.steps

    @property
    def conclusion_changed(self) -> bool:
        """Whether the interval lies otherwise to the threshold than before."""
        return _side(self.before, self.threshold) != _side(self.after, self.threshold)

    def sentences(self) -> list[str]:
        """Return in words what changed."""
        out = []
        for names, word in (
            (self.new_studies, "New"),
            (self.removed_studies, "Removed"),
        ):
            if names:
                out.append(f"{word} studies: {listing(names)}.")
        changed = self.coefficients[self.coefficients["change"] == "changed"]
        if len(changed):
            cells = (
                f"{r.study_id} {r.column} {r.before} -> {r.after}"
                for r in changed.itertuples()
            )
            out.append(f"Changed values: {listing(cells)}.")
        if not self.before or not self.after:
            return [*out, "One of the runs has no pooled reliability to compare."]
        out.append(
            f"The pooled reliability moved from {_pooled(self.before)} to "
            f"{_pooled(self.after)}."
        )
        moved = self.steps[self.steps["shift"].abs() >= 5e-4]
        words = {
            "method": "settings or version",
            "values": "changed values",
            "removed": "removed coefficients",
            "new": "new coefficients",
        }
        if len(moved):
            parts = (
                f"{words[r.cause]} {signed(r.shift, 3)}" for r in moved.itertuples()
            )
            out.append(f"Of the shift: {', '.join(parts)}.")
        was, now = (
            str(interpret_reliability(run["estimate"]))
            for run in (self.before, self.after)
        )
        at = coefficient(self.threshold, 2)
        side = _side(self.after, self.threshold)
        if self.conclusion_changed:
            out.append(
                "The conclusion changes: the interval was "
                f"{_side(self.before, self.threshold)} {at} and is now {side} it."
            )
        else:
            out.append(f"The conclusion stays: the interval is {side} {at}.")
        if was != now:
            out.append(f"By convention: {was} before, {now} now.")
        return out

    def heading(self) -> str:
        """Return the changes in words."""
        return "\n".join(self.sentences())


def _pooled(run: dict[str, Any]) -> str:
    shown = interval(run["ci_low"], run["ci_high"])
    return f"{coefficient(run['estimate'])} {shown} (k = {run['k']})"


def _side(run: dict[str, Any], threshold: float) -> str:
    if not run:
        return "unknown against"
    if run["ci_low"] >= threshold:
        return "above"
    return "below" if run["ci_high"] < threshold else "across"


def result_of(study: RGStudy) -> dict[str, Any]:
    """Return the pooled result of a study as plain numbers, empty without one."""
    if study.pooled is None:
        return {}
    row = study.summary().iloc[0]
    numbers = ("estimate", "ci_low", "ci_high", "pi_low", "pi_high")
    fit = study.pooled.fit
    return {
        "k": int(fit.k),
        "n_studies": int(study.pooled.n_studies),
        **{name: float(row[name]) for name in numbers},
        "tau2": float(fit.tau2),
    }


def keyed(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table indexed by what names a coefficient."""
    names = [
        c
        for c in ("study_id", "sample_id", "instrument", "rater", "scale",
                  "coefficient_type", "coefficient_id")
        if c in table
    ]  # fmt: skip
    keys = list(zip(*(texts_of(table, c) for c in names), strict=True))
    return table.assign(_key=[" / ".join(key) for key in keys])


def changed_cells(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return coefficients that are new, removed or changed, cell by cell."""
    rows: list[dict[str, Any]] = []
    old, new = (keyed(t).set_index("_key") for t in (before, after))
    old, new = (t[~t.index.duplicated()] for t in (old, new))

    def row(kind: str, source: pd.Series, **more: Any) -> dict[str, Any]:
        ids = {c: str(source.get(c, "")) for c in ("study_id", "coefficient_id")}
        return {"change": kind, **ids, "column": "", "before": "", "after": "", **more}

    rows += [row("new", new.loc[k]) for k in new.index if k not in old.index]
    rows += [row("removed", old.loc[k]) for k in old.index if k not in new.index]
    for key in new.index.intersection(old.index):
        for column in VALUES:
            was, now = (_text(t.loc[key].get(column)) for t in (old, new))
            if was != now:
                told = {"column": column, "before": was, "after": now}
                rows.append(row("changed", new.loc[key], **told))
    columns = ["change", "study_id", "coefficient_id", "column", "before", "after"]
    return pd.DataFrame(rows, columns=columns)


def _text(value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return ""
    try:
        return f"{float(value):.12g}"
    except (TypeError, ValueError):
        return str(value)


def compare_runs(
    before: pd.DataFrame,
    reported: dict[str, Any],
    after: pd.DataFrame,
    study: RGStudy,
    run: Callable[[pd.DataFrame], RGStudy],
    threshold: float,
) -> Changes:
    """Say what changed since the last run, and which part each cause has.

    Parameters
    ----------
    before, after : DataFrame
        The coefficients of the two runs.
    reported : dict
        The pooled result of the last run, as it was reported.
    study : RGStudy
        This run.
    run : callable
        Today's analysis, of any table.
    threshold : float
        What the conclusion is about.

    Notes
    -----
    The shift from the last to this result is the sum of four steps, each with today's
    program: the last table analysed today (method), with today's values in the rows that
    both have (values), without the rows that are gone (removed), with the new ones (new).
    """
    after_result = result_of(study)
    old, new = keyed(before), keyed(after)
    both = set(old["_key"]) & set(new["_key"])
    updated = pd.concat(
        [new[new["_key"].isin(both)], old[~old["_key"].isin(both)]], ignore_index=True
    )
    tables = [before, updated, new[new["_key"].isin(both)], after]
    values = [reported.get("estimate")]
    for table in tables:
        plain = table.drop(columns="_key", errors="ignore").reset_index(drop=True)
        try:
            values.append(result_of(run(plain)).get("estimate"))
        except WaistatsError:
            values.append(None)
    values[-1] = after_result.get("estimate")
    steps = []
    for i, cause in enumerate(CAUSES):
        start, end = values[i], values[i + 1]
        if start is None or end is None:  # a step that cannot be taken joins the next
            values[i + 1] = start if end is None else end
            start, end = values[i], values[i + 1]
        shift = None if start is None or end is None else end - start
        steps.append({"cause": cause, "before": start, "after": end, "shift": shift})
    cells = changed_cells(before, after)
    studies = [set(texts_of(t, "study_id")) for t in (before, after)]
    return Changes(
        new_studies=tuple(sorted(studies[1] - studies[0])),
        removed_studies=tuple(sorted(studies[0] - studies[1])),
        coefficients=cells,
        steps=pd.DataFrame(steps).astype(
            {"before": float, "after": float, "shift": float}
        ),
        before=dict(reported),
        after=after_result,
        threshold=threshold,
    )
