"""Write docs/validation.md: what waistats was compared with, and how far apart they are.

Question: do the numbers agree with R and with what is published?
Reads:    tests/reference/*.json, through validation_cases, validation_synthesis and
          validation_published.
Writes:   docs/validation.md
"""

# ruff: noqa: E501

from collections import Counter
from pathlib import Path
from typing import Any

import validation_cases as cases
import validation_synthesis as synthesis
from validation_cases import difference, load
from validation_published import agrees, paged, published

from waistats._format import fixed

TARGET = Path(__file__).with_name("validation.md")
# what was compared with: title and reference files, in the order of the page
SOURCES = {
    cases.alpha: ("Alpha", "alpha_reference", "numerics_quantiles"),
    cases.coefficients: (
        "Other coefficients from item responses",
        "coefficients",
        "coefficients_items",
    ),
    cases.item_models: (
        "Factor models, bounds, categorical omega, two levels, ratings with gaps",
        "coefficients_models",
        "coefficients_categorical",
        "two_level_lavaan",
        "two_level_semtools",
        "ratings_lme4",
    ),
    synthesis.literature: (
        "Agreement of coders, induction, comparisons",
        "coding_agreement",
    ),
    cases.models: ("Models of one level", "meta_fit"),
    cases.multilevel: (
        "Models of several levels",
        "multilevel_metafor",
        "wai_totals",
    ),
    cases.multivariate: (
        "Several outcomes of a study",
        "multivariate_metafor",
        "multivariate_confint",
    ),
    cases.other_models: ("Location and scale, permutation", "models_metafor"),
    synthesis.bayes: ("Bayes", "bayes_integrals"),
    cases.sensitivity: ("Sensitivity", "sensitivity_metafor", "sensitivity_selection"),
    synthesis.deletions: ("Sensitivity in three levels", "sensitivity_multilevel"),
    synthesis.baujat: ("Baujat plot", "figures_baujat"),
    cases.practice: (
        "Subgroups, spread, practice",
        "subgroups",
        "spread_bivariate",
        "practice_planning",
    ),
}
PACKAGES = (
    *("R", "metafor", "metadat", "psych", "lavaan", "clubSandwich", "GPArotation"),
    *("lme4", "semTools"),
)
DIFFERENT = """
| where | waistats | R | why |
| --- | --- | --- | --- |
| default tolerance of REML, ML, EB, SJIT | full convergence | metafor stops at 1e-5: on the CES-D tau2 .0461047 for .0461046 | references use `control = list(threshold = 1e-12)` |
| ML of the CLASP trials (DerSimonian & Kacker, 2007) | tau 0, where the likelihood is highest | .0023, where the iteration stopped on its way to 0 | the two printed numbers that depend on it are omitted below |
| likelihoods with several maxima | the highest | the one nearest to the start, another one in about 1 of 5,000 data sets | `thorough=False` gives R's |
| SJIT | its limit, the Paule-Mandel solution | stops at a tolerance on the way | |
| Q with extreme weights | exact to 1e-13 against rational arithmetic | loses digits, 4e-8 on `imbalance` | metafor forms P |
| Knapp-Hartung where Q is far below its degrees of freedom (`tau2_zero`, `perfect`) | the ad-hoc form, noted | `test = "knha"`: a standard error far below that of the model | its factor comes from chance agreement; `test = "adhoc"` is compared above |
| intervals and tests of several levels | CR2 with Satterthwaite's df, else t on studies less coefficients | `rma.mv(test = "t")` counts coefficients: k less coefficients | above the model's own standard errors are compared, and CR2 with clubSandwich's |
| prediction limits | by default with the uncertainty of tau2 | t or normal with tau2 as if known | `prediction="metafor"` gives R's, which are compared above |
| variances of several outcomes | the maximum of the likelihood | `rma.mv` stops some 1e-5 short of it | the likelihood is flat there: ours is never lower |
| back-transformed negative alphas | negative | `transf.iabt` and `transf.iahw` give 0 | prediction limits near 0 would be wrong |
| alpha = 1 | an error | infinite or zero variance | the weight would be infinite |
| EM standard errors | squared influences over n(n - 1) | lavaan's MLR: over n squared | with complete answers the ADF standard error |
| n of alpha's interval | people who were used | psych and pingouin: before listwise deletion | see the page on intervals |
| ordinal omega's standard error | exact derivative of the loadings | takes the model as true: within 0.3 % | |
| scale part without a maximum | ConvergenceError that names the rows | a log variance that runs off | |
| sample size for an interval | n0 plus 2 | statpsych's `size.ci.cronbach` adds 2 inside the product: 109 in its help's example, 110 here | its other functions have it as here |
| polychoric correlations | zero of the score, to 1e-7 | psych's line search stops some 1e-5 away | lavaan's agree to 2e-8 |
| standard error without one of the few studies of a moderator's level | NaN | clubSandwich prints one | another study alone decides the term |
| signs of Bonett's and Hakstian and Whalen's scales | a higher value is a higher alpha, as metafor | vcmeta: ln(1 - alpha), the reverse | slopes change sign |
""".strip()


def versions(name: str) -> str:
    """Return the packages behind a reference file."""
    source = load(name)["source"]
    if isinstance(source, str):
        return (
            source.partition(";")[0]
            .replace("R version", "R")
            .replace(" Patched (2022-11-10 r83330)", "")
        )
    known = {
        key.replace("r", "R", 1) if key == "r" else key: source[key] for key in source
    }
    parts = [
        f"{package} {str(known[package]).replace('R version ', '').split(' ')[0]}"
        for package in PACKAGES
        if package in known
    ]
    return ", ".join(parts)


def reference_tables() -> str:
    """Return the largest difference by function, room by room."""
    return "\n\n".join(
        reference_table(part, title, files) for part, (title, *files) in SOURCES.items()
    )


def reference_table(part: Any, title: str, files: list[str]) -> str:
    """Return the heading, the oracle and the table of one room."""
    oracle = "; ".join(dict.fromkeys(versions(name) for name in files))
    found: dict[str, tuple[float, str, int, dict[str, None]]] = {}
    for row in part():
        gap, count = difference(row)
        most, where, total, data = found.get(row.function, (-1.0, "", 0, {}))
        if gap > most:
            most, where = gap, f"{row.data}, {row.quantity}"
        data[row.data] = None
        found[row.function] = (most, where, total + count, data)
    lines = [
        f"### {title}\n",
        f"Oracle: {oracle}.\n",
        "| function | data sets | numbers | largest difference | where |",
        "| --- | --- | --- | --- | --- |",
    ]
    for function, (most, where, total, data) in found.items():
        size = "0" if most == 0 else f"{most:.0e}"
        lines.append(
            f"| {function} | {', '.join(data)} | {total:,} | {size} | {where} |"
        )
    return "\n".join(lines)


def published_tables() -> str:
    """Return the published numbers, source by source."""
    rows = published()
    right = sum(agrees(row) for row in rows)
    pages = sum(paged(row) for row in rows)
    read = Counter(row.read_in for row in rows)
    parts = [
        f"{right} of {len(rows)} printed numbers agree to their last digit; {pages} of "
        "them are numbers of papers with their page or table. Read in: "
        + "; ".join(f"{where} {k}" for where, k in read.items())
        + "."
    ]
    for source in dict.fromkeys(row.source for row in rows):
        parts += [
            f"### {source}",
            "| where | read in | what | printed | waistats |\n"
            "| --- | --- | --- | --- | --- |",
        ]
        for row in rows:
            if row.source == source:
                decimals = len(row.printed.partition(".")[2])
                ours = fixed(row.ours, decimals + 2)
                flag = "" if agrees(row) else " (differs)"
                parts[-1] += (
                    f"\n| {row.place} | {row.read_in} | {row.quantity} | {row.printed} "
                    f"| {ours}{flag} |"
                )
    return "\n\n".join(parts)


def page() -> str:
    """Return the page."""
    return (
        "\n\n".join(
            [
                "# Validation",
                "This page is written by `docs/validation.py` from the reference files in "
                "`tests/reference`, which R scripts beside them wrote. The numbers of "
                "waistats were computed when the page was written; "
                "`tests/site/test_validation.py` computes them again.",
                "## Against R",
                "A difference is relative to a reference above 1 in size and absolute "
                "below. Data sets are those of metadat by their names, published tables, or "
                "invented: `two` has two studies, `equal_vi` equal variances, `tau2_zero` no "
                "heterogeneity, `perfect` no residuals, `imbalance` weights from 0.25 to a "
                "million; items are SIMULATED or invented.",
                reference_tables(),
                "## What differs, and why",
                DIFFERENT,
                "## Published numbers",
                "The papers themselves were not at hand; *read in* says where a number was "
                "found. *metafor's test* is a test of a worked example in metafor "
                "(`tests/testthat/test_analysis_example_*.r`), which names page and table "
                "and says where the paper prints another number: those are omitted. Of "
                "Viechtbauer (2007) it says that the table rounds more, so these numbers "
                "are not counted as the paper's. Help pages of R packages print what their "
                "functions return.",
                published_tables(),
            ]
        )
        + "\n"
    )


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
    print(f"wrote {TARGET.name}")
