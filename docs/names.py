"""Write ``reference/names.md``: the public functions, how they are called, and aliases.

``python docs/names.py`` writes the page; ``tests/site/test_names.py`` compares.
"""

import inspect
from pathlib import Path

import waistats
from waistats.errors import ALIASES

TARGET = Path(__file__).with_name("reference") / "names.md"

WORDS = """# Names and options

How every public function is called. A name means the same thing everywhere.

| word | what it is |
|---|---|
| `items` | answers of one scale, one row per person |
| `data`, `responses` | answers with their columns of study, person, session |
| `coefficients` | a coefficient table: one row per coefficient |
| `effects` | a coefficient table with `measure, yi, vi` |
| `table` | a coding sheet: one row per coefficient, with what studies report about reliability |
| `result` | the result of a model or of another function |
| `moderators` | what may explain differences: a formula for a model, names of columns where each is analysed alone |
| `candidates` | moderators that `generalize` tests one at a time |
| `variables` | columns that two sheets or groups of samples are compared on |
| `kind` | which bootstrap or delta-method limits; `form` which ICC; `missing` how missing answers are treated; `of` which standard error |
| `scale` | of limits: `"raw"` or `"bonett"`; of a table: the subscale |
| `conf_level` | always .95 by default; `seed` is always fixed by default, so that a script gives the same numbers |

Options are given by keyword. Two defaults differ, for a reason: `bias="bonett"` in `sample_size_for_alpha`, whose widths are those of the
bias-corrected interval, and `back_transform=False` in `leave_one_out` and `cumulative`, whose frames carry standard errors, which have no
meaning on the scale of alpha.

## Renamed in 0.2

Old keywords work for one more version, with a DeprecationWarning that gives the new one.

| old | new |
|---|---|
| `range_change(alpha, sd, new_sd)` | `restrict_range(sd, alpha, new_sd)` |
| `decision_words(alpha)` | `interpret_reliability(alpha)` |
| `fail_safe_n(drawer=)` | `mean_unreported=` |
| `standard_error_of_measurement(kind=)` | `of=` |
| `test_retest(kind=)` | `method=` |
| `simulate_responses(missing=)` | `missing_rate=` |
| `correlates(characteristics=)`, `classical_regression(predictors=)` | `moderators=` |
| `predict_reliability(source=)`, `practice_table(source=)`, `threshold_probability(source=)`, `expected_reliability(model=)` | `result=` |
"""


def parameters(function: object) -> tuple[str, str]:
    """Return positional parameters and options, as text with their defaults."""
    before, after = [], []
    for one in inspect.signature(function).parameters.values():  # type: ignore[arg-type]
        text = one.name
        if one.default is not one.empty:
            shown = repr(one.default)
            text += f"={shown if len(shown) <= 24 else '...'}"
        if one.kind is one.VAR_POSITIONAL:
            before.append(f"*{one.name}")
        elif one.kind is one.KEYWORD_ONLY:
            after.append(text)
        else:
            before.append(text)
    return ", ".join(before), ", ".join(after)


def page() -> str:
    """Return the page."""
    lines = [WORDS, "## Aliases", ""]
    lines.append(
        "Names of metafor, psych, SPSS, MBESS, statsmodels and pingouin are taken, and "
        "capitals do not count. An alias means the same; what means something else has "
        "none."
    )
    lines += ["", "| option | alias | is |", "|---|---|---|"]
    for option, names in ALIASES.items():
        for alias, meant in names.items():
            lines.append(f"| `{option}` | `{alias}` | `{meant}` |")
    lines += ["", "## Functions", "", "| function | by position | by keyword |"]
    lines.append("|---|---|---|")
    for name in sorted(waistats.__all__):
        made = getattr(waistats, name)
        if inspect.isfunction(made):
            before, after = parameters(made)
            lines.append(f"| `{name}` | `{before}` | {f'`{after}`' if after else ''} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
