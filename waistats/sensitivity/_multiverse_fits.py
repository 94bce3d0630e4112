"""Every specification of a multiverse fitted: measure, model, rows, dependence."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from waistats._areas import critical
from waistats.errors import ModelError, WaistatsError
from waistats.measures import ALPHA_TYPES, back_transform
from waistats.meta._covariance import SamplingCovariance
from waistats.meta._design import intercept_only
from waistats.meta._effects import Effects, usable_effects
from waistats.meta._fits import Fits
from waistats.meta._prediction import Predictive
from waistats.meta.fit import fit_design
from waistats.meta.multilevel.fit import fit_nested
from waistats.meta.results import FittedModel
from waistats.meta.varying import fit_varying, fit_varying_coefficient
from waistats.sensitivity._multiverse_tables import (
    Scaled,
    mean_per_study,
)

# what stands for the measure of the varying-coefficient model
OWN_SCALE = "alpha"


LIMITS = ("estimate", "ci_low", "ci_high", "pi_low", "pi_high")


def specifications(
    table: pd.DataFrame,
    handling: str,
    measures: tuple[str, ...],
    models: tuple[str, ...],
    intervals: tuple[str, ...],
    correlations: tuple[float, float | None],
    conf_level: float,
    scaled: Scaled,
    fits: Fits,
    V: SamplingCovariance | None = None,
) -> Iterator[tuple[dict[str, str], dict[str, Any] | str]]:
    """Yield every specification on one table with its result, or why it has none.

    ``correlations`` are those of means and of multilevel models.
    """
    correlation, of_levels = correlations
    if "varying-coefficient" in models and not handling.startswith("multilevel"):
        spec = {
            "measure": OWN_SCALE,
            "model": "varying-coefficient",
            "interval": "bonett-2010",
        }
        yield spec, _guarded(_varying, table, handling, correlation, conf_level, scaled)
    for measure in measures:
        effects = _effects(table, measure, scaled)
        if isinstance(effects, str):
            yield {"measure": measure}, effects
            continue
        if handling == "mean":
            yi, vi = (effects[c].to_numpy(dtype=float) for c in ("yi", "vi"))
            effects = mean_per_study(effects, yi, vi, correlation, V)
        if handling.startswith("multilevel"):
            named = ["t" if i == "knapp-hartung" else i for i in intervals]
            for interval in named if handling == "multilevel" else ["cr2"]:
                spec = {"measure": measure, "model": "REML", "interval": interval}
                yield (
                    spec,
                    _guarded(
                        _multilevel, effects, interval, of_levels, V, conf_level, fits
                    ),
                )
            continue
        used = usable_effects(effects)
        n_studies = _studies(used)
        for model in models:
            for interval in intervals:
                if model == "varying-coefficient" or (
                    model == "CE" and interval == "knapp-hartung"
                ):
                    continue
                spec = {"measure": measure, "model": model, "interval": interval}
                yield (
                    spec,
                    _guarded(
                        _one_level, used, n_studies, model, interval, conf_level, fits
                    ),
                )


def _guarded(fit: Any, *arguments: Any) -> dict[str, Any] | str:
    """Return a fit's row, or the reason why there is none."""
    try:
        made: dict[str, Any] | str = fit(*arguments)
        return made
    except WaistatsError as error:
        return str(error)


def _effects(table: pd.DataFrame, measure: str, scaled: Scaled) -> pd.DataFrame | str:
    """Return effect sizes on a scale, or why there are none."""
    try:
        return scaled(table, measure)
    except WaistatsError as error:
        return str(error)


def _studies(used: Effects) -> int:
    return int(used.table["study_id"].nunique())


def _one_level(
    used: Effects,
    n_studies: int,
    model: str,
    interval: str,
    conf_level: float,
    fits: Fits,
) -> dict[str, Any]:
    weights = None
    if model == "unweighted":
        weights = np.ones(len(used.yi))
    elif model == "n-weighted":
        weights = pd.to_numeric(used.table["n"]).to_numpy(dtype=float)
    fit = fit_design(
        used,
        intercept_only(len(used.yi)),
        method="REML" if weights is not None else model,
        small_sample=interval,
        conf_level=conf_level,
        weights=weights,
        fits=fits,
    )
    return _row(_limits(fit, fits), fit, n_studies)


def _multilevel(
    effects: pd.DataFrame,
    interval: str,
    correlation: float | None,
    V: SamplingCovariance | None,
    conf_level: float,
    fits: Fits,
) -> dict[str, Any]:
    known = {"within_correlation": correlation} if V is None else {"V": V.on(effects)}
    fit = fit_nested(
        effects,
        **known,
        small_sample="wald" if interval == "wald" else "t",
        conf_level=conf_level,
        fits=fits,
    )
    limits = _limits(fit, fits)
    if interval == "cr2":
        robust = fit.robust().to_frame().iloc[0]
        limits[1:3] = [float(robust["ci_low"]), float(robust["ci_high"])]
    return _row(limits, fit, _studies(fit.effects))


def _varying(
    table: pd.DataFrame,
    handling: str,
    correlation: float,
    conf_level: float,
    scaled: Scaled,
) -> dict[str, Any]:
    if "coefficient_type" in table:
        other = set(table["coefficient_type"].dropna().astype(str)) - ALPHA_TYPES
        if other:
            raise ModelError("the varying-coefficient model is for alphas only")
    if handling == "mean":
        zero = np.zeros(len(table))
        table = mean_per_study(table, zero, zero, correlation)
        table = table.assign(
            n=table["n"].round(), n_items=table["n_items"].astype(float).round()
        ).drop(columns=["yi", "vi"])
        fit = fit_varying_coefficient(table, conf_level=conf_level)
    else:
        used = usable_effects(scaled(table, "bonett"))
        fit = fit_varying(used, conf_level=conf_level)
    found = fit.predict().iloc[0]
    limits = [float(found[c]) for c in ("estimate", "ci_low", "ci_high")]
    return {
        "k": len(fit.effects.yi),
        "n_studies": fit.effects.table["study_id"].nunique(),
        **dict(zip(LIMITS, [*limits, np.nan, np.nan], strict=True)),
        "tau2": np.nan,
        "I2": np.nan,
    }


def _limits(fit: FittedModel, fits: Fits) -> list[float]:
    """Return estimate, confidence and prediction limits on the model's scale."""
    center, variance = fit.beta[0], fit.cov[0, 0]
    c = critical(fit.conf_level, fit.df)
    half = c * np.sqrt(variance)
    ahead, row = fit.predictive(), np.ones((1, 1))
    ask = partial(ahead.limits, row, fit.conf_level)
    if isinstance(ahead, Predictive):
        # the same for every estimator of tau2
        given = (ahead.tau2, ahead.weight, ahead.beta, ahead.cov, fit.conf_level)
        low, high = fits.once("prediction limits", given, ask)
    else:
        low, high = ask()
    return [center, center - half, center + half, float(low[0]), float(high[0])]


def _row(limits: list[float], fit: FittedModel, n_studies: int) -> dict[str, Any]:
    """Return what the frame keeps of a fit, on the alpha scale."""
    turned = back_transform(np.array(limits), str(fit.measure))
    return {
        "k": fit.k,
        "n_studies": n_studies,
        **dict(zip(LIMITS, turned.tolist(), strict=True)),
        "tau2": fit.tau2,
        "I2": fit.I2,
    }
