"""Whether alpha differs because scores spread more, or because error differs."""

from waistats.errors import WaistatsError
from waistats.format import fixed, interval, level
from waistats.generalization.spread import spread_analysis
from waistats.generalization.spread_result import SpreadResult
from waistats.generalization.study import RGStudy
from waistats.report.blocks import (
    Column,
    Paragraph,
    Section,
    decimals,
    make_table,
    probability,
    text,
)

_TERMS = {
    "tau2_error": "tau2 of log error variance",
    "tau2_spread": "tau2 of log score variance",
    "tau2_alpha": "tau2 of transformed alpha",
    "slope": "slope of transformed alpha on log score variance",
    "correlation": "correlation of both true values",
}

# a note to who computes; the report follows it
_ADVICE = "moderators="


def spread(study: RGStudy) -> Section:
    """Return the verdict, or in a sentence why there is none."""
    title = "Error or spread?"
    try:
        found = spread_analysis(study.main_rows, conf_level=study.conf_level)
    except WaistatsError as error:
        why = Paragraph(
            "Whether alpha differs because scores spread more or because measurement "
            f"error differs cannot be told here. {error}"
        )
        return Section("spread", title, [why])
    sentences = [
        "A higher alpha can mean less error or more spread of true scores (Botella et "
        f"al., 2010). In {found.k} samples with a standard deviation: {found.verdict}",
        *(note for note in found.notes if _ADVICE not in note),
        *_same_length(study, found),
    ]
    table = make_table(
        found.to_frame(),
        (
            Column("Quantity", lambda r: _TERMS.get(r["term"], r["term"]), text, False),
            Column("Estimate", "estimate", decimals(3)),
            Column(
                f"{level(study.conf_level)} CI",
                lambda r: interval(r["ci_low"], r["ci_high"], lambda v: fixed(v, 3)),
            ),
            Column("Tested against", "null", decimals(0)),
            Column("Statistic", "statistic", decimals(2)),
            Column("df", "df", decimals(0)),
            Column("p", "p_value", probability),
        ),
        "Heterogeneity of error, of spread and of alpha, and how alpha goes with spread.",
        [
            "tau2 by Q-profile limits and Q tests, slope by profile likelihood. A slope "
            "of 1 means that only spread differs."
        ],
    )
    return Section("spread", title, [Paragraph(" ".join(sentences)), table])


def _same_length(study: RGStudy, found: SpreadResult) -> list[str]:
    """Return the verdict with the number of items held constant, where it differs."""
    if found.table["n_items"].nunique() < 2:
        return []
    try:
        held = spread_analysis(
            study.main_rows, "~ np.log(n_items)", conf_level=study.conf_level
        )
    except WaistatsError:
        return []
    return [f"With the number of items held constant: {held.verdict}"]
