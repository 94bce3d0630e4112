"""The limits that the data themselves show."""

import pandas as pd

from waistats._format import counted
from waistats.measures import ALPHA_TYPES
from waistats.report.text import is_pooled
from waistats.rg.descriptives import kinds
from waistats.rg.study import RGStudy
from waistats.tables._paper import WIDE, for_paper

FEW = 20


def limitations(study: RGStudy) -> list[str]:
    """Return the limits of a study as sentences."""
    table = study.effects
    used = table["yi"].notna()
    return [
        *_size(study, used),
        *_reports(study.own_rows, used),
        *_values(table, used),
        *_model(study),
    ]


def _size(study: RGStudy, used: pd.Series) -> list[str]:
    out = []
    rows = study.own_rows
    k, left = int(used.sum()), int(rows["yi"].isna().sum())
    if k < FEW:
        out.append(
            f"Only {counted(k, 'coefficient')} can be pooled; intervals and "
            "heterogeneity are imprecise, and few moderators can be examined."
            if is_pooled(study)
            else f"With {counted(k, 'coefficient')} nothing is pooled."
        )
    few = study.cells["estimate"].isna() | (study.cells["model"] == "three levels, t")
    small = int(few.sum())
    if small and is_pooled(study):
        many = len(study.cells)
        of = "The only cell has" if many == 1 else f"All {counted(many, 'cell')} have"
        if small < many:
            of = (
                f"Of {counted(many, 'cell')}, {small} {'has' if small == 1 else 'have'}"
            )
        out.append(f"{of} too few studies to be pooled or for a robust interval.")
    if left:
        out.append(
            f"Of {len(rows)} reported coefficients, {left} cannot be pooled; the reasons "
            "are in the table of excluded coefficients."
        )
    return out


def _reports(table: pd.DataFrame, used: pd.Series) -> list[str]:
    """Return what the sources do not tell."""
    out = []
    used = used[table.index]
    valued = pd.to_numeric(table["estimate"], errors="coerce").notna()
    if "n" in table and (no_n := int((table["n"].isna() & valued).sum())):
        out.append(f"No sample size is known for {counted(no_n, 'coefficient')}.")
    if {"estimate_low", "estimate_high"} <= set(table):
        ranges = table["estimate"].isna() & (
            table["estimate_low"].notna() | table["estimate_high"].notna()
        )
        if ranges.any():
            many = counted(int(ranges.sum()), "coefficient")
            out.append(f"Only a range or a bound is known of {many}.")
    if "modality_inferred" in table:
        marks = table["modality_inferred"].astype(str).str.casefold()
        inferred = marks.isin(["1", "1.0", "true", "yes"])
        if inferred.any():
            out.append(
                f"The modality of {counted(inferred.sum(), 'coefficient')} was "
                "inferred from the setting, not stated."
            )
    if "provenance" in table:
        second = (table["provenance"].astype(str) == "secondary") & used
        if second.any():
            out.append(
                f"{_of(second, used)} taken from a source other than their own report."
            )
        own = (table["provenance"].astype(str) == "computed") & used
        if own.any():
            out.append(
                f"{_of(own, used)} computed by the coder from open answers; no published "
                "value of them is in the data."
            )
    if "reliability_status" not in table:
        out.append(
            "The data do not say how many studies reported no reliability of their "
            "own, so the rate of reliability induction is not known."
        )
    return out


def _of(some: pd.Series, used: pd.Series) -> str:
    """Return how many of the coefficients that can be pooled something is said of."""
    few, many = int(some.sum()), int(used.sum())
    if few == many > 1:
        return f"{'Both' if many == 2 else f'All {many}'} coefficients were"
    return f"Of {counted(many, 'coefficient')}, {few} {'was' if few == 1 else 'were'}"


def _values(table: pd.DataFrame, used: pd.Series) -> list[str]:
    out = []
    estimates = pd.to_numeric(table["estimate"], errors="coerce")
    alphas = kinds(table).isin(ALPHA_TYPES)
    if ((estimates < 0) & used).any():
        out.append(
            "Negative alphas are among the coefficients; unreversed items are the "
            "likeliest cause."
        )
    if (alphas & used).any():
        out.append(
            "Alpha equals reliability only for items that measure one construct equally "
            "well with unrelated errors; otherwise it can be too low, or, with related "
            "errors, too high."
        )
    return out


def _model(study: RGStudy) -> list[str]:
    out = []
    # how wide the prediction interval is stands beside it
    said = "" if study.pooled is None else for_paper(WIDE.sub("", study.pooled.note))
    if said:
        out.append(f"Overall model: {said.rstrip('.')}.")
    assumed = study.within_correlation is None and study.V is None
    if study.pooled is not None and study.pooled.dependent and assumed:
        out.append(
            "Coefficients of one study were taken to have independent sampling errors; "
            "where they come from the same persons, this does not hold."
        )
    if study.pooled is not None and "score_sd" not in study.effects:
        out.append(
            "The data do not include standard deviations of scores, so whether alpha "
            "differs because scores spread more or because measurement error differs "
            "cannot be determined."
        )
    if is_wai(study):
        out.append(
            "A review by COSMIN’s rules found internal consistency of the WAI not "
            "established, since unidimensionality was not shown (Paap et al., 2022): "
            "alpha of a multidimensional scale does not prove one construct."
        )
    if study.simulated:
        out.append("The data are SIMULATED; nothing here is a finding about people.")
    return out


def is_wai(study: RGStudy) -> bool:
    """Return whether the table has a form of the Working Alliance Inventory."""
    if "instrument" not in study.effects:
        return False
    return bool(study.effects["instrument"].astype(str).str.contains("WAI").any())
