"""How certain the evidence is, as far as the data tell: COSMIN's adapted GRADE."""

from typing import Any

import pandas as pd

from waistats._format import counted, percent
from waistats.report.blocks import Paragraph, Section
from waistats.rg.quality import SUFFICIENT, has_quality, study_quality
from waistats.rg.study import RGStudy
from waistats.tables._build import spec

LEVELS = ("high", "moderate", "low", "very low")
# respondents in all, below which the evidence is imprecise, and very imprecise
_FEW, _VERY_FEW = 100, 50
# share of studies on one side of the criterion that counts as consistent
_CONSISTENT = 75.0


def certainty(study: RGStudy) -> list[Section]:
    """Return what the data tell of certainty; nothing where quality is not rated."""
    if study.pooled is None or not has_quality(study.effects):
        return []
    rows = grades(study)
    known = [r for r in rows if r["steps"] is not None]
    at = min(sum(int(r["steps"]) for r in known), len(LEVELS) - 1)
    judged = "certainty" in study.author_texts
    words = (
        "As far as the data tell, the certainty of the evidence for the overall alpha is "
        f"{'' if at == 0 else 'at most '}{LEVELS[at]}"
    )
    if judged:
        words += "; the methods say how the authors judge indirectness."
    else:
        words += ", unless indirectness, which is still to be judged, lowers it."
    shown = pd.DataFrame(
        {
            "domain": [r["domain"] for r in rows],
            "found": [r["found"] for r in rows],
            "steps": [("see the methods" if judged else "not judged")
                      if r["steps"] is None else _down(r["steps"])
                      for r in rows],
        }
    )  # fmt: skip
    table = spec(
        shown,
        name="certainty",
        caption="Certainty of the Evidence for the Overall Alpha",
        notes=[
            "Rules of COSMIN for the adapted GRADE approach (Prinsen et al., 2018). "
            "Indirectness is a judgement of the authors."
        ],
        heads={
            "domain": "Domain",
            "found": "What the data say",
            "steps": "Levels down",
        },
    )
    title = "Certainty of the evidence"
    return [Section("certainty", title, [Paragraph(words), table])]


def grades(study: RGStudy) -> list[dict[str, Any]]:
    """Return domain, what was found, and levels down, of the overall rows."""
    rows = study.main_rows
    rated = study_quality(study.own_rows[study.in_main[study.own_rows.index]])
    return [
        {"domain": "Risk of bias"} | _bias(rated["quality"]),
        {"domain": "Inconsistency"} | _inconsistent(rows),
        {"domain": "Imprecision"} | _imprecise(rows),
        {
            "domain": "Indirectness",
            "found": "whether persons and uses are those of the question",
            "steps": None,
        },
    ]


def _bias(quality: pd.Series) -> dict[str, Any]:
    many = {
        g: int((quality == g).sum()) for g in ("very good", "doubtful", "inadequate")
    }
    found = ", ".join(f"{k} {g}" for g, k in many.items())
    unrated = int((quality == "not rated").sum())
    found += f", {unrated} not rated" if unrated else ""
    steps: int | None = None
    if many["very good"]:
        steps = 0
    elif many["doubtful"]:
        steps = 1 if many["doubtful"] > 1 else 2
    elif many["inadequate"]:
        steps = 2 if many["inadequate"] > 1 else 3
    return {"found": f"studies: {found}", "steps": steps}


def _inconsistent(rows: pd.DataFrame) -> dict[str, Any]:
    values = pd.to_numeric(rows["estimate"], errors="coerce")
    # a study counts once, by its lowest alpha
    lowest = values.groupby(rows["study_id"].astype(str)).min()
    share = 100 * float((lowest >= SUFFICIENT).mean())
    found = f"alpha is at least .70 in {percent(share, 0)} of studies"
    agree = max(share, 100 - share) >= _CONSISTENT
    return {"found": found, "steps": 0 if agree else 1}


def _imprecise(rows: pd.DataFrame) -> dict[str, Any]:
    total = float(pd.to_numeric(rows["n"], errors="coerce").sum())
    steps = 2 if total < _VERY_FEW else 1 if total < _FEW else 0
    return {"found": f"{counted(total, 'respondent')}, summed over coefficients",
            "steps": steps}  # fmt: skip


def _down(steps: int) -> str:
    return "none" if steps == 0 else str(steps)
