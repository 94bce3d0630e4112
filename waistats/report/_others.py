"""What is pooled besides the overall model of alphas: every other scale and kind."""

from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import pandas as pd

from waistats.errors import WaistatsError
from waistats.measures import ALPHA_TYPES, kind_words
from waistats.rg.descriptives import kinds
from waistats.rg.pooling import FEWEST_TO_POOL, Pooled, pool, scales_of
from waistats.rg.robustness import robustness
from waistats.rg.study import RGStudy
from waistats.sensitivity.deletion import leave_one_out

# studies from which tests of small-study effects are of use
CHECKED = 10


def kind_noun(kind: str) -> str:
    """Return what one coefficient of a kind is called; the C of ICC is one already."""
    return "ICC" if kind == "icc" else f"{kind_words(kind)} coefficient"


@dataclass(frozen=True)
class Other:
    """One scale and kind with its model and the tests of its moderators."""

    scale: str
    kind: str
    rows: pd.DataFrame
    pooled: Pooled
    screen: pd.DataFrame

    @property
    def words(self) -> str:
        """What it is called inside a sentence."""
        noun = "alpha" if self.kind == "alpha" else kind_noun(self.kind)
        return f"{noun}s of the {self.scale} scale"

    @property
    def tested(self) -> pd.DataFrame:
        """The moderators that could be tested."""
        return self.screen[self.screen["p_value"].notna()]

    @cached_property
    def checks(self) -> pd.DataFrame:
        """Small-study checks without selection models; empty for few studies."""
        if self.pooled.n_studies < CHECKED:
            return pd.DataFrame(columns=["check", "estimate", "p_value", "note"])
        frame = robustness(self.pooled.fit, thresholds=())
        if self.kind != "alpha":
            words = frame["note"].astype(str)
            frame["note"] = words.str.replace("alphas below", "values below")
        return frame

    @cached_property
    def leave_one_out(self) -> pd.DataFrame:
        """The pooled value without each study, on the scale of the coefficients."""
        return leave_one_out(self.pooled.fit, "study_id", back_transform=True)


# a report asks for them in its methods, its results and its checklists
_KEPT: "WeakKeyDictionary[RGStudy, list[Other]]" = WeakKeyDictionary()


def others(study: RGStudy) -> list[Other]:
    """Return the scales and kinds that are pooled, the overall model aside."""
    if study not in _KEPT:
        _KEPT[study] = _pooled(study)
    return _KEPT[study]


def _pooled(study: RGStudy) -> list[Other]:
    used = study.effects[study.effects["yi"].notna()]
    found = []
    for scale, kind, rows in other_parts(study, used):
        try:
            made = pool(rows, **study.pool_options)
        except WaistatsError:
            continue
        found.append(Other(scale, kind, rows, made, study.screened(rows)))
    return found


def other_parts(
    study: RGStudy, used: pd.DataFrame
) -> list[tuple[str, str, pd.DataFrame]]:
    """Return scale, kind and rows of what can be pooled besides the overall model."""
    # alpha and KR-20 are pooled together
    names = kinds(used).where(~kinds(used).isin(ALPHA_TYPES), "alpha")
    found = []
    for (scale, kind), rows in used.groupby([scales_of(used), names], sort=True):
        main = scale == study.main_scale and kind == "alpha"
        if not main and rows["study_id"].nunique() >= FEWEST_TO_POOL:
            found.append((str(scale), str(kind), rows.reset_index(drop=True)))
    return found
