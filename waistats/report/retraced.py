"""A page on which analyses print the figures that a study printed."""

import pandas as pd

from waistats._format import count
from waistats.report.blocks import Block, Paragraph, Section
from waistats.report.code import colophon
from waistats.report.render_html import render_page
from waistats.sensitivity.retrace import CHOICES, Retraced
from waistats.tables._build import spec
from waistats.tables._spec import TableSpec

SHOWN = 60
_ALWAYS = ("measure", "model", "interval")
_HEADS = {
    "rows": "Rows",
    "dependence": "Dependence",
    "exclusion": "Left out",
    "measure": "Scale",
    "model": "Model",
    "interval": "Interval",
    "back_transform": "Way back",
    "mistake": "Mistake",
    "printing": "Digits",
    "same_as": "Same as",
    "distance": "Misses by",
    "fails": "Figures missed",
    "share": "% of matches",
    "matches": "Matches",
    "of": "Tried",
    "choice": "Choice",
    "option": "Option",
}


def retraced_page(found: Retraced) -> str:
    """Return the page as HTML, alone and without a network."""
    title = "Which Analyses Print the Reported Figures?"
    return render_page(title, [], retraced_sections(found), colophon([], "retrace()"))


def retraced_sections(found: Retraced) -> list[Section]:
    """Return the answer, the specifications, and which choices they share."""
    told = ", ".join(f"{name} {text}" for name, text in found.reported.items())
    answer: list[Block] = [
        Paragraph(f"Reported: {told}."),
        Paragraph(found.sentence()),
        Paragraph(
            "Several analyses nearly always print the same digits. This page says which "
            "analyses are consistent with the printed figures; it does not say which was "
            "used. The order is a stated prior, the judgement of this package on how "
            "usual each choice is."
        ),
    ]
    sections = [Section("answer", "Answer", answer)]
    if found.n_matches:
        rows = found.matches
        shown = [_specifications(rows.head(SHOWN), found, "matches")]
        if len(rows) > SHOWN:
            rest = count(len(rows) - SHOWN)
            words = f"{rest} more are in the table of all specifications."
            sections.append(Section("matches", "Matches", [*shown, Paragraph(words)]))
        else:
            sections.append(Section("matches", "Matches", shown))
        sections.append(Section("choices", "Choices", [_choices(found)]))
    else:
        near = [_specifications(found.nearest, found, "nearest")]
        sections.append(Section("nearest", "Nearest Specifications", near))
    return sections


def _specifications(rows: pd.DataFrame, found: Retraced, name: str) -> TableSpec:
    fits = name == "matches"
    extra = ["printing", "same_as"] if fits else ["fails", "distance"]
    choices = ("rows", *CHOICES)
    same = [c for c in choices if c not in _ALWAYS and len(set(rows[c])) == 1]
    kept = [c for c in choices if c not in same]
    kept += [*extra, "k", "estimate", "ci_low", "ci_high"]
    frame = rows[[*kept, *(c for c in ("provenance",) if c in rows)]]
    frame = frame.assign(**{c: frame[c] + 1 for c in ("same_as",) if c in frame})
    caption = (
        "Specifications That Print the Reported Figures"
        if fits
        else "Specifications Nearest to the Reported Figures"
    )
    note = (
        "Same as: the first row with the same numbers; no figure distinguishes them."
        if fits
        else "Misses by: units of the last printed digit, summed over figures."
    )
    alike = ", ".join(f"{_HEADS[c].lower()}: {rows[c].iloc[0]}" for c in same)
    return spec(
        frame,
        name=name,
        caption=caption,
        notes=[note, f"The same in every row: {alike}." if alike else ""],
        conf_level=found.conf_level,
        heads=_HEADS,
        digits=3,
        sortable=True,
    )


def _choices(found: Retraced) -> TableSpec:
    """Return how the matches share the options of each choice."""
    everything, fits = found.to_frame(), found.matches
    rows = []
    for choice in ("rows", *CHOICES):
        tried = everything[choice].value_counts(sort=False)
        if len(tried) == 1:
            continue
        hit = fits[choice].value_counts()
        for option, of in tried.items():
            number = int(hit.get(option, 0))
            rows.append(
                {
                    "choice": _HEADS[choice],
                    "option": option,
                    "matches": number,
                    "of": int(of),
                    "share": 100 * number / len(fits),
                }
            )
    frame = pd.DataFrame(rows)
    if found.simulated:
        frame["provenance"] = everything["provenance"].iloc[0]
    return spec(
        frame,
        name="choices",
        caption="Options of Each Choice Among the Matches",
        coefficients=False,
        heads=_HEADS,
        groups="choice",
    )
