"""The interval of a multilevel model: cluster-robust where that can be trusted."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from waistats._format import counted, fixed, p_statement
from waistats._typing import FloatArray, IntArray
from waistats.errors import listing
from waistats.meta._contrasts import Contrasts, model_contrasts
from waistats.meta._effects import Effects
from waistats.meta._verdict import DF_TOLERANCE, SMALLEST_DF
from waistats.meta.multilevel.robust import robust_contrasts

if TYPE_CHECKING:
    from waistats.meta.multilevel.result import MultilevelResult

ROBUST, MODEL = "CR2", "model"


def degrees(n_clusters: int, p: int) -> float:
    """Return studies - p; NaN where none are left."""
    return float(n_clusters - p) if n_clusters > p else float("nan")


def cautious(robust: Contrasts, own: Contrasts) -> Contrasts:
    """Return of each contrast the robust interval, or what is safer.

    The robust one where it has 4 degrees of freedom; below, the wider of both; where it
    is not defined the model's own.
    """
    enough = robust.df >= SMALLEST_DF - DF_TOLERANCE
    width, other = (c.ci_high - c.ci_low for c in (robust, own))
    # a comparison with NaN is false
    takes = enough | (width >= other) | (np.isnan(other) & ~np.isnan(width))

    def chosen(name: str) -> FloatArray:
        values: FloatArray = np.where(takes, getattr(robust, name), getattr(own, name))
        return values

    return Contrasts(
        estimate=own.estimate,
        se=chosen("se"),
        df=chosen("df"),
        statistic=chosen("statistic"),
        p_value=chosen("p_value"),
        ci_low=chosen("ci_low"),
        ci_high=chosen("ci_high"),
        basis=tuple(ROBUST if taken else MODEL for taken in takes),
    )


def names_of(code: IntArray, effects: Effects, column: str) -> tuple[str, ...]:
    """Return the names of clusters by their codes, from a column or from study_id."""
    n = int(code.max()) + 1
    table = effects.table
    if column not in table:
        return tuple(f"cluster {j + 1}" for j in range(n))
    frame = pd.DataFrame({"code": code, "name": table[column].astype(str).to_numpy()})
    found = frame.groupby("code")["name"].unique()
    return tuple(" + ".join(map(study_text, found[j])) for j in range(n))


def study_text(name: str) -> str:
    """Return a study in a sentence: ``study 8`` where its name is no word."""
    return name if name[:1].isalpha() else f"study {name}"


def interval_notes(fit: "MultilevelResult") -> tuple[str, ...]:
    """Return what a reader must know of the intervals of the coefficients."""
    if fit.small_sample == "wald":
        return ()
    parts, p = fit.sandwich(), len(fit.beta)
    if parts is None:
        return ("All coefficients come from one study: there are no intervals.",)
    own_df = fit.n_clusters - p
    left = f"{fit.n_clusters} - {p} = {own_df} df"
    start: tuple[str, ...] = ()
    if own_df < 1:
        start = (
            f"{counted(fit.n_clusters, 'study leaves', 'studies leave')} no degrees of "
            f"freedom for a model with {counted(p, 'coefficient')}: it has no "
            "intervals or tests of its own. Use fewer moderators, or describe the "
            "coefficients.",
        )
    each = np.eye(p)
    robust = robust_contrasts(parts, each, fit.beta, fit.conf_level)
    own = model_contrasts(each, fit.beta, fit.cov, fit.df, fit.conf_level)
    names = np.array(fit.design.names if p > 1 else ("the mean",), dtype=object)
    decided = parts.decided(each)
    notes = []
    labels = fit.cluster_names()
    for term, contrast, t, q in zip(
        names[decided],
        each[decided],
        own.statistic[decided],
        own.p_value[decided],
        strict=True,
    ):
        who = " and ".join(labels[j] for j in parts.deciders(contrast))
        if np.isnan(q):
            notes.append(f"{term} is determined by {who} alone, so it has no test.")
            continue
        test = f"t = {fixed(t, 2)} on {left}, {p_statement(q)}"
        notes.append(
            f"{term} is determined by {who} alone: it has no robust test; the model's own "
            f"is shown ({test})."
        )
    few = ~decided & ~(robust.df >= SMALLEST_DF - DF_TOLERANCE)
    if few.any():
        shown = listing(
            f"{name} ({fixed(df, 1)})"
            for name, df in zip(names[few], robust.df[few], strict=True)
        )
        kept = f"the wider of it and the model's own, t on {left}, is shown"
        if own_df < 1:
            kept = "treat them as descriptive"
        notes.append(
            f"Too few studies for a robust interval (Satterthwaite's df below "
            f"{SMALLEST_DF}) of {shown}: {kept}."
        )
    return (*start, *notes)
