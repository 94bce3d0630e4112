"""How the step Generalize shows a study, a prediction and the checks."""

import string
from typing import Any

import numpy as np
import pandas as pd
from htmltools import Tag, TagList, tags

from waistats._format import coefficient, count, counted, fixed, interval, percent
from waistats._labels import column_words, term_text
from waistats.app._parts import card, code, figure, notice, sends, table
from waistats.app._views import Checked, Checks, Predicted, Studied

_TONES = {"error": "stop", "warning": "warning", "note": "note"}
_LETTERS = [
    *string.ascii_lowercase,
    *(f"a{letter}" for letter in string.ascii_lowercase),
]
# more notes are folded
_NOTES = 3
_WORDS = {"error": "Error", "warning": "Warning", "note": "Note"}


def findings_shown(found: Checked, *, checked: bool = False) -> Tag:
    """Return what is wrong or doubtful in a file of coefficients.

    It was added to the study, or ``checked`` alone.
    """
    if not found.findings:
        return notice(
            f"{found.name}: nothing was found that needs a second look.", "done"
        )
    rows = [
        tags.li(
            tags.span(_WORDS[severity], class_=f"badge {_TONES[severity]}"),
            tags.span(words),
        )
        for severity, words in found.findings
    ]
    did = "can be used" if checked else "was added"
    errors = sum(severity == "error" for severity, _ in found.findings)
    said = "1 error" if errors == 1 else f"{errors} errors"
    head = (
        notice(f"{found.name} cannot be used yet: {said}.", "stop")
        if errors
        else notice(f"{found.name} {did}. What was found in it:", "done")
    )
    return tags.div(head, tags.ul(*rows, class_="findings"), class_="findings-of")


def joined_limits(
    frame: pd.DataFrame, pairs: dict[str, tuple[str, str]]
) -> pd.DataFrame:
    """Return a frame with two limits in one cell each."""
    out = frame.copy()
    for name, (low, high) in pairs.items():
        if low not in out or high not in out:
            continue
        place = list(out.columns).index(low)
        lows, highs = out.pop(low), out.pop(high)
        words = [
            "" if pd.isna(one) or pd.isna(other) else unbroken(interval(one, other))
            for one, other in zip(lows, highs, strict=True)
        ]
        out.insert(place, name, pd.Series(words, index=out.index, dtype=object))
    return out


def unbroken(text: str) -> str:
    """Return a text that stays on one line."""
    return text.replace(" ", "\u00a0")


def _without_empty(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame without columns that say nothing."""
    keep = [
        name
        for name in frame.columns
        if not (frame[name].isna() | (frame[name].astype(str) == "")).all()
    ]
    return frame[keep]


def lettered(
    frame: pd.DataFrame, column: str = "note"
) -> tuple[pd.DataFrame, list[str]]:
    """Return a frame whose long notes are letters, and the notes, each with its letter."""
    if column not in frame:
        return frame, []
    texts = frame[column].fillna("").astype(str)
    letters = dict(zip(dict.fromkeys(t for t in texts if t), _LETTERS, strict=False))
    short = frame.assign(**{column: [letters.get(text, "") for text in texts]})
    return short, [f"{letter}: {text}" for text, letter in letters.items()]


def _listed_notes(notes: list[str]) -> Tag | None:
    if not notes:
        return None
    return tags.ul(*(tags.li(text) for text in notes), class_="below soft")


def studied_shown(made: Studied, ns: Any) -> TagList:
    """Return what a study found."""
    said = " (SIMULATED data)" if made.simulated else ""
    parts: list[Any] = [_overall(made, said)]
    if not made.overall and made.few:
        parts.append(
            notice(
                "Too few studies to pool: the report describes each of them. Together with "
                "published coefficients there are more.",
                "note",
                tags.div(
                    sends(
                        "Add the published coefficients of the WAI", ns("add_wai"), 1
                    ),
                    class_="row",
                ),
            )
        )
    parts.append(_cells(made, said))
    for picture in made.pictures[:1]:
        parts.append(card("Forest plot", figure(picture)))
    parts.append(_moderators(made, said))
    for picture in made.pictures[1:]:
        parts.append(
            tags.details(
                tags.summary("Funnel plot"), figure(picture), class_="card closed"
            )
        )
    if len(made.excluded):
        parts.append(
            tags.details(
                tags.summary(
                    f"{counted(len(made.excluded), 'coefficient')} that cannot be pooled"
                ),
                table(_without_empty(made.excluded), f"Excluded coefficients{said}"),
                class_="card closed",
            )
        )
    parts.append(code(made.calls, ns("code")))
    return TagList(*parts)


def _overall(made: Studied, said: str) -> Tag:
    title = f"Overall: {made.title}{said}" if made.title else f"Overall{said}"
    body: list[Any] = []
    if made.overall:
        body.append(
            tags.div(
                _fact("Pooled alpha", coefficient(made.overall["estimate"]), "big"),
                _fact(
                    "Confidence interval",
                    interval(made.overall["ci_low"], made.overall["ci_high"]),
                ),
                _fact(
                    "A new study is expected within",
                    _range(made.overall["pi_low"], made.overall["pi_high"]),
                ),
                _fact("Coefficients", count(made.overall["k"])),
                _fact("I²", percent(made.overall["I2"])),
                class_="headline",
            )
        )
    body.append(tags.p(made.sentence.rstrip(".") + ".", class_="soft"))
    if made.notes:
        notes = tags.ul(*(tags.li(note) for note in made.notes))
        many = len(made.notes) > _NOTES
        body.append(
            tags.details(
                tags.summary(f"{len(made.notes)} notes"), notes, class_="notes"
            )
            if many
            else tags.div(tags.h4("Notes"), notes, class_="notes")
        )
    return card(title, *body, id=None)


def _range(low: float, high: float) -> str:
    return interval(low, high) if np.isfinite(low) and np.isfinite(high) else "—"


def _fact(name: str, value: str, kind: str = "") -> Tag:
    return tags.div(
        tags.span(name, class_="soft"),
        tags.strong(value),
        class_=f"fact {kind}".strip(),
    )


def _cells(made: Studied, said: str) -> Tag:
    cells = made.cells.drop(
        columns=["Q", "Q_df", "Q_p", "tau2", "provenance", "coefficient_type"],
        errors="ignore",
    )
    if "k_studies" in cells and (cells["k_studies"] == cells["k"]).all():
        cells = cells.drop(columns="k_studies")
    pairs = {"CI": ("ci_low", "ci_high"), "PI": ("pi_low", "pi_high")}
    pooled = cells["estimate"].notna()
    few = cells[~pooled]
    parts: list[Any] = []
    if pooled.any():
        frame, notes = lettered(_cell_columns(cells[pooled], pairs))
        parts += [
            table(
                frame,
                f"Pooled reliability of each cell{said}",
                heads={"estimate": "α"},
                note="CI: of the mean; PI: where the true alpha of a new study is "
                "expected.",
                tight=True,
            ),
            _listed_notes(notes),
        ]
    if len(few):
        words = counted(len(few), "cell")
        parts.append(
            tags.details(
                tags.summary(f"{words} of too few studies to pool"),
                table(
                    _cell_columns(few, pairs), f"Cells that are described only{said}"
                ),
            )
        )
    return card("By form, rater and scale", *parts)


def _cell_columns(
    cells: pd.DataFrame, pairs: dict[str, tuple[str, str]]
) -> pd.DataFrame:
    shown = _without_empty(joined_limits(cells, pairs))
    last = [c for c in ("CI", "PI", "I2", "model", "note") if c in shown]
    return shown[[*(c for c in shown if c not in last), *last]]


def _moderators(made: Studied, said: str) -> Tag:
    names = [
        "moderator",
        "k",
        "k_studies",
        "R2",
        "p_value",
        "p_adjusted",
        "why",
        "note",
    ]
    shown = made.screen[[name for name in names if name in made.screen]].copy()
    shown["moderator"] = [column_words(str(name)) for name in shown["moderator"]]
    parts: list[Any] = []
    if made.model is not None:
        parts += [
            table(
                _model_rows(made.model),
                f"Model with the chosen moderators{said}",
                heads={"value": "Estimate", "limits": "CI"},
                note="On the scale of pooling.",
                tight=True,
            ),
            *(tags.p(words) for words in made.model_words),
        ]
    tested = made.screen["p_value"].notna().to_numpy()
    marks = made.screen["explains"].astype(bool).to_numpy()
    if tested.any():
        said_of = shown[tested]
        why = [
            ". ".join(part for part in (str(one), str(other)) if part)
            for one, other in zip(
                said_of["why"], said_of["note"].fillna(""), strict=True
            )
        ]
        said_of = said_of.drop(columns="why").assign(note=why)
        frame, notes = lettered(_without_empty(said_of))
        parts.append(
            table(
                frame,
                f"Moderators, one at a time{said}",
                heads={"p_adjusted": "adjusted p"},
                marked=list(marks[tested]),
                note="Set off: explains differences between studies, by the adjusted p "
                "and by what these studies can tell apart."
                if marks.any()
                else "None is set off: no moderator was shown to explain differences, by "
                "the adjusted p and by what these studies can tell apart.",
                tight=True,
            )
        )
        parts.append(_listed_notes(notes))
    if not tested.all():
        rest = shown[~tested].drop(columns="why", errors="ignore")
        parts.append(
            tags.details(
                tags.summary(f"{len(rest)} characteristics that cannot be tested"),
                table(_without_empty(rest), f"Described only{said}"),
            )
        )
    return card("Do moderators explain differences?", *parts)


def _model_rows(model: pd.DataFrame) -> pd.DataFrame:
    """Return the coefficients of a model, which are no reliabilities."""
    frame = model.drop(columns="provenance", errors="ignore")
    frame = frame.assign(term=[term_text(str(name)) for name in frame["term"]])
    frame = frame.rename(columns={"estimate": "value"})
    place = list(frame.columns).index("ci_low")
    lows, highs = frame.pop("ci_low"), frame.pop("ci_high")
    limits = [
        f"[{fixed(low, 3)}, {fixed(high, 3)}]"
        for low, high in zip(lows, highs, strict=True)
    ]
    frame.insert(place, "limits", pd.Series(limits, index=frame.index, dtype=object))
    return frame


def predicted_shown(made: Predicted, ns: Any) -> TagList:
    """Return the prediction for the described sample."""
    said = " (SIMULATED data)" if made.simulated else ""
    frame = made.frame.drop(columns="provenance", errors="ignore")
    chances = [c for c in frame if c.startswith(("above_", "observed_above_"))]
    pairs = {
        "CI": ("ci_low", "ci_high"),
        "PI": ("pi_low", "pi_high"),
        "in a sample of n": ("observed_low", "observed_high"),
    }
    shown = joined_limits(frame.drop(columns=chances), pairs)
    who = [c for c in frame if c in ("instrument", "rater", "modality", "n", "n_items")]
    return TagList(
        card(
            "Expected reliability",
            table(shown, f"{made.heading}{said}", heads={"estimate": "α"}),
            table(
                frame[[*who, *chances]],
                f"Probability that alpha exceeds a value{said}",
                heads={c: _chance(c) for c in chances},
            ),
            tags.p(made.closing, class_="soft"),
            *(tags.p(note, class_="soft") for note in made.notes),
            id=ns("predicted"),
        ),
        code(made.calls, ns("prediction_code")),
    )


def _chance(name: str) -> str:
    cut = name.rpartition("_")[2]
    of = "sample's α" if name.startswith("observed") else "true α"
    return unbroken(f"{of} > .{cut}")


def checks_shown(made: Checks, ns: Any) -> TagList:
    """Return how far the result can be trusted."""
    said = " (SIMULATED data)" if made.simulated else ""
    left = made.left_out.drop(columns="provenance", errors="ignore")
    left = joined_limits(left, {"CI": ("ci_low", "ci_high")})
    robust = made.robustness.drop(columns="provenance", errors="ignore")
    multiverse = made.multiverse.drop(columns="provenance", errors="ignore")
    multiverse = joined_limits(multiverse, {"CI": ("ci_low", "ci_high")})
    return TagList(
        card(
            "Small-study and reporting checks",
            table(
                _without_empty(robust),
                f"Checks of the overall result{said}",
                heads={"estimate": "α"},
            ),
            id=ns("trusted"),
        ),
        card(
            "Every defensible analysis",
            *(tags.p(words) for words in made.words),
            *(figure(picture) for picture in made.pictures),
            tags.details(
                tags.summary("As a table"),
                table(
                    _without_empty(multiverse),
                    f"Every defensible analysis{said}",
                    heads={"estimate": "α"},
                ),
            ),
        ),
        tags.details(
            tags.summary("Without each study"),
            table(
                _without_empty(left),
                f"The overall result without each study{said}",
                heads={"estimate": "α"},
            ),
            class_="card closed",
        ),
    )
