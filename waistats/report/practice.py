"""What the result means for practice."""

from waistats.format import coefficient, fixed, level
from waistats.generalization.study import RGStudy
from waistats.practice import practice_table
from waistats.report.blocks import Column, Paragraph, Section, make_table, text


def practice(study: RGStudy) -> list[Section]:
    """Return what a reader can plan with."""
    if study.overall is None:
        return []
    shown = level(study.conf_level)
    table = make_table(
        practice_table(study),
        (
            Column("Quantity", "quantity", text, False),
            Column("At the expected alpha", lambda r: _shown(r, "estimate")),
            Column(f"At the lower end ({shown} PI)", lambda r: _shown(r, "pi_low")),
            Column("At the upper end", lambda r: _shown(r, "pi_high")),
        ),
        "What a reader can plan with.",
        [
            "The ends are those of the prediction interval for the true alpha of a new "
            "population; for the alpha of a planned sample, those of what it may show. "
            "Errors and changes in standard deviations of the score. Reliable change by "
            "Jacobson & Truax, 1991. Alpha of one session says nothing about change over "
            "sessions: where a test-retest coefficient is there, it is the one for "
            "change."
        ],
    )
    words = (
        "Reliability belongs to scores of a sample, not to a test. Common conventions "
        "ask for .70 in research, .80 for decisions on groups and .90 for decisions on "
        "a person."
    )
    return [Section("practice", "For practice", [Paragraph(words), table])]


def _shown(row: dict, column: str) -> str:
    """Return sizes as whole numbers, coefficients and probabilities without a zero."""
    value, quantity = float(row[column]), str(row["quantity"])
    if quantity.startswith("n "):
        return fixed(value, 0)
    if quantity.startswith(("alpha", "P(")):
        return coefficient(value)
    return fixed(value, 3)
