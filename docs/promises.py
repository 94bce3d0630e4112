"""Write docs/promises.md from the SIMULATED studies of analyses/05_promises.py.

Question: which model keeps its promises?
Reads:    analyses/output/05_promises.csv and .svg, 05_promises_dependent.csv,
          05_promises_levels.csv, 05_promises_prediction.csv and
          05_promises_probability.csv where the simulation has been run, else the copies
          of its results in docs/promises*.csv
Writes:   docs/promises.md, docs/promises*.csv, docs/promises.svg; data/promises.json,
          from which notes of results take what was measured
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
OUTPUT = HERE.parent / "analyses" / "output"
MEASURED = HERE.parent / "data" / "promises.json"
PARTS = ("dependent", "levels", "prediction", "probability")
# below it a coverage is a shortfall
LEAST = 0.93
# of what a result can say how its interval of the mean covers: the bias of the Bonett
# scale has a note of its own
MEASURES = {
    "bonett, exact bias": "bonett",
    "hakstian-whalen": "hakstian-whalen",
    "raw": "raw",
}
METHODS = {"REML": "random", "CE": "CE"}
SIZES = {"small": (20, 30, 40, 50), "mixed": (20, 50, 100, 300)}
LABELS = {
    ("bonett, exact bias", "REML", "knapp-hartung"): "REML, Knapp-Hartung, exact bias",
    ("bonett", "REML", "knapp-hartung"): "REML, Knapp-Hartung",
    ("bonett", "PM", "knapp-hartung"): "PM, Knapp-Hartung",
    ("bonett", "DL", "knapp-hartung"): "DL, Knapp-Hartung",
    ("bonett", "REML", "wald"): "REML, Wald",
    ("bonett", "PM", "wald"): "PM, Wald",
    ("bonett", "DL", "wald"): "DL, Wald",
    ("bonett", "CE", "wald"): "common effect, Wald",
    ("bonett", "CE", "knapp-hartung"): "common effect, Knapp-Hartung",
    (
        "hakstian-whalen",
        "REML",
        "knapp-hartung",
    ): "Hakstian-Whalen, REML, Knapp-Hartung",
    ("raw", "REML", "knapp-hartung"): "raw alphas, REML, Knapp-Hartung",
    ("raw", "VC", "wald"): "varying coefficient",
}
BEST = "REML, Knapp-Hartung, exact bias"
KIND = {"normal": "normal items", "ceiling": "ceiling items"}


def results() -> pd.DataFrame:
    """Return the simulation with a label a method, in the order of the tables."""
    frame = pd.read_csv(HERE / "promises.csv")
    keys = zip(frame["measure"], frame["model"], frame["test"], strict=True)
    frame["method"] = pd.Categorical([LABELS.get(k) for k in keys], LABELS.values())
    return frame.dropna(subset="method")


def markdown(frame: pd.DataFrame) -> str:
    """Return a frame of texts as a table."""
    lines = [list(frame.columns), ["---"] * frame.shape[1], *frame.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def by(frame: pd.DataFrame, value: str, column: str, scale: float = 100) -> str:
    """Return means of a value by method, with a column for each level and item kind."""
    means = frame.pivot_table(value, "method", ["items", column], observed=True)
    table = pd.DataFrame({"model": means.index.astype(str)})
    for items, word in (("normal", ""), ("ceiling", " ceiling")):
        for level in frame[column].drop_duplicates():
            cells = (scale * means[items, level]).map(tenths)
            table[f"{column} = {level:g}{word}"] = cells.to_numpy()
    return markdown(table)


def mean(frame: pd.DataFrame, method: str, value: str, **where: object) -> float:
    """Return a mean over the cells that are asked for."""
    chosen = frame[frame["method"] == method]
    for column, level in where.items():
        chosen = chosen[chosen[column] == level]
    return float(chosen[value].mean())


def percent(value: float) -> str:
    """Return a share in percent."""
    return f"{tenths(100 * value)}%"


def tenths(value: float) -> str:
    """Write one decimal; halves do not depend on the order in which cells are added."""
    return f"{round(value, 9):.1f}"


def advice(frame: pd.DataFrame) -> str:
    """Return the recommendation, with its numbers."""

    def cover(method: str, **where: object) -> str:
        return percent(mean(frame, method, "ci_coverage", **where))

    def error(method: str, **where: object) -> str:
        return percent(mean(frame, method, "type_1", **where))

    plain = "REML, Knapp-Hartung"
    raw = "raw alphas, REML, Knapp-Hartung"
    wide = frame[frame["tau"] > 0]
    inside = {k: percent(mean(wide, BEST, "pi_coverage", k=k)) for k in (5, 25, 100)}
    these = {
        items: percent(
            mean(frame, "varying coefficient", "ci_coverage_these", items=items)
        )
        for items in KIND
    }
    varying = percent(mean(frame, "varying coefficient", "type_1"))
    return "\n".join(
        [
            "* **Pool on the Bonett scale with REML and Knapp and Hartung's interval**, "
            "and with more than about 25 studies remove the bias of that scale "
            f'(`bias="exact"` of `effect_sizes` and `generalize`): 95% intervals cover '
            f"{cover(BEST)} over all cells, and "
            f"{cover(BEST, k=5)} with 5 studies, {cover(BEST, k=100)} with 100. "
            f"Without the correction, as in metafor, {cover(plain)}: with 100 studies "
            f"the interval is so short that a bias of about 1/n decides, and it covers "
            f"{cover(plain, k=100)}.",
            "* **Which estimator of tau2 matters little**: PM and DL with Knapp and "
            f"Hartung's interval cover {cover('PM, Knapp-Hartung')} and "
            f"{cover('DL, Knapp-Hartung')} where REML covers {cover(plain)}. **Which "
            f"test matters**: with 5 studies the Wald test of a moderator errs in "
            f"{error('REML, Wald', k=5)}, Knapp and Hartung's in {error(plain, k=5)}.",
            "* **No common-effect model** unless nothing but these studies is asked "
            f"about: it covers {cover('common effect, Wald', tau=0.0)} with tau 0 and "
            f"{cover('common effect, Wald', tau=0.6)} with tau 0.6, and finds a "
            f"moderator that is not there in {error('common effect, Wald', tau=0.6)}.",
            f"* **Do not pool raw alphas**: {cover(raw)}. A sample that happens to have "
            "a high alpha gets a small variance and a large weight. Hakstian and "
            "Whalen's scale has a little of that: "
            f"{cover('Hakstian-Whalen, REML, Knapp-Hartung')}.",
            "* **The varying-coefficient interval** is about the mean alpha of the "
            f"studies at hand, and covers that in {these['normal']} with normal items "
            f"and {these['ceiling']} at the ceiling, where its variances are too small "
            f"and no tau2 takes up the rest; its test of a moderator, read as one about "
            f"a population of studies, errs in {varying}.",
            "* **Prediction intervals** of metafor's kind hold "
            f"{inside[25]} of new populations with 25 studies, {inside[100]} with 100 (tau "
            f"above 0) and {inside[5]} with 5: they take tau2 as known. The default here "
            "carries its uncertainty; see below.",
            "* **Studies that give several coefficients** need `fit_multilevel`: its "
            "intervals count studies, and hold; see below.",
            "* **Answers at the ceiling** inflate the variance of an alpha, yet random-"
            f"effects intervals hold ({cover(BEST, items='ceiling')}), since tau2 takes "
            "up what the variances lack: it is then too large, and differences between "
            "populations look larger than they are. With item responses use "
            '`variance="reported"` with ADF standard errors.',
        ]
    )


def lowest(frame: pd.DataFrame) -> str:
    """Return where the recommended interval falls short, and that results say so."""
    best = frame[frame["method"] == BEST]
    low = best[best["ci_coverage"].round(3) < LEAST]
    least = best.loc[best["ci_coverage"].idxmin()]
    where = "; ".join(
        f"{len(part)} with k = {k}, {n} sizes"
        for (k, n), part in low.groupby(["k", "n"])
    )
    rows = [
        row
        for row in of_means()
        if (row["measure"], row["method"], row["test"])
        == ("bonett", "random", "knapp-hartung")
    ]
    said = "; ".join(
        f"k = {row['k']}, log variances with a standard deviation of "
        f"{row['log_spread']:.2f}: {percent(row['low'])} to {percent(row['high'])}"
        for row in rows
        if row["low"] < LEAST
    )
    return (
        f"In single cells the first row is lower: {len(low)} of {len(best)} are below 93% "
        f"({where}); the lowest has {percent(least['ci_coverage'])} (k = {least['k']}, tau "
        f"= {least['tau']:g}, {least['n']}). With few studies the weights of very unequal "
        "samples hang on an uncertain tau2. Where the mean over items is below 93% for "
        f"some tau, results of `fit_meta` say so ({said}), for every test, for raw alphas, "
        "Hakstian and Whalen's scale and common-effect models as well."
    )


def shares(
    frame: pd.DataFrame, rows: list[str], column: str, value: str, of: str = "mean"
) -> str:
    """Return means of a share in percent, one row per group, one column per level."""
    means = frame.pivot_table(value, rows, column, aggfunc=of, observed=True)
    table = means.index.to_frame(index=False).astype(str)
    for level in means.columns:
        cells = (100 * means[level]).map(tenths)
        name = f"{column} = {level:g}" if isinstance(level, int | float) else level
        table[name] = cells.to_numpy()
    return markdown(table)


def dependent() -> str:
    """Return the section on studies that give several coefficients."""
    frame = pd.read_csv(HERE / "promises_dependent.csv")
    runs = int(frame["runs"].iloc[0])
    known = (
        frame["assumed"].notna().map({True: "the model's", False: "not known to it"})
    )
    frame = frame.rename(columns={"studies": "S"}).assign(errors=known)
    frame["heterogeneity"] = [
        f"{a:g} between, {b:g} within"
        for a, b in zip(frame["tau"], frame["omega"], strict=True)
    ]
    frame = frame.assign(
        **{name: best_known(frame, name) for name in ("ci_coverage", "pi_coverage")}
    )
    lowest = frame.loc[frame["ci_coverage"].idxmin()]
    wide = frame.loc[frame["pi_coverage"].idxmin()]
    again = frame[frame["again_runs"].notna()]
    by_size = frame.groupby(["S", "coefficients"])[["ci_coverage", "pi_coverage"]]
    means = by_size.mean()
    low = means["ci_coverage"].min()
    far = means["pi_coverage"].min()
    words = []
    for value, what in (("ci_coverage", "the mean"), ("pi_coverage", "predictions")):
        rows = frame.groupby(["coefficients", "S", "heterogeneity"])[value].mean()
        rows = rows[rows.round(3) < 0.93]
        listed = "; ".join(
            f"S = {S}, {kind}, {spread}: {percent(share)}"
            for (kind, S, spread), share in rows.items()
        )
        words.append(f"Below 93% for {what}: {listed or 'none'}.")
    tested = frame.dropna(subset="egger")
    tested = tested.groupby(["S", "coefficients"], as_index=False).mean(
        numeric_only=True
    )
    names = {
        "moderator_by_study": "moderator of studies",
        "moderator_by_coefficient": "moderator of coefficients",
        "moderator_one": "one study against the rest",
        "egger": "Egger, multilevel",
        "inverse_sqrt_n": "1/sqrt(n), multilevel",
        "egger_one_level": "Egger of a one-level fit",
        "rank": "rank test, one per study",
        "screen": "any verdict of the screen of three",
    }
    errors = pd.DataFrame({"test": list(names.values())})
    for (S, kind), row in tested.set_index(["S", "coefficients"]).iterrows():
        cells = [row[name] for name in names]
        errors[f"S = {S}, {kind}"] = [
            "–" if pd.isna(cell) else f"{100 * cell:.1f}" for cell in cells
        ]
    return "\n\n".join(
        [
            "## Studies that give several coefficients",
            f"{len(frame)} cells of {runs:,} SIMULATED literatures each, of 3 to 20 "
            "studies (S) with four coefficients each (*equal*) or from one to many "
            "(*unequal*), 12 items, 30 to 300 respondents. Errors of one study correlate "
            ".6; the model knows it (`within_correlation=0.6`) or takes them as "
            "independent. Intervals are those that `fit_multilevel` prints: CR2 with "
            "Satterthwaite's degrees of freedom; where these are below 4 the wider of it "
            "and the model's own, t on S - p. A coverage of 95% in one cell has a standard "
            f"error of {100 * (0.95 * 0.05 / runs) ** 0.5:.1f} points; the tables show "
            "means of several cells, and the script makes more runs "
            "(`python analyses/05_promises.py 1000 dependent`).",
            f"The interval of the mean covers at least {percent(low)} in every row of the "
            f"first table and {percent(frame['ci_coverage'].mean())} over all; the lowest "
            f"single cell has {percent(lowest['ci_coverage'])} (S = {lowest['S']}, "
            f"{lowest['coefficients']}, {lowest['heterogeneity']}). Prediction intervals "
            f"hold at least {percent(far)} of the true values of coefficients of new "
            f"studies on average, {percent(frame['pi_coverage'].mean())} over all; the "
            f"lowest single cell has {percent(wide['pi_coverage'])} (S = {wide['S']}, "
            f"{wide['coefficients']}, {wide['heterogeneity']}, errors {wide['errors']}). "
            "The lowest of many cells are low by chance, too: the "
            f"{len(again)} that were below 93.5% were run again with "
            f"{int(again['again_runs'].max()):,} other literatures, which the tables have. "
            "Results of `fit_multilevel` say where a cell of about as many studies is "
            "below 93%. In the tables by heterogeneity: "
            f"{words[0][0].lower()}{words[0][1:]} {words[1]}",
            "### Coverage of the 95% interval of the mean",
            shares(frame, ["coefficients", "errors"], "S", "ci_coverage"),
            shares(frame, ["coefficients", "S"], "heterogeneity", "ci_coverage"),
            "### Coverage of the 95% prediction interval",
            shares(frame, ["coefficients", "errors"], "S", "pi_coverage"),
            shares(frame, ["coefficients", "S"], "heterogeneity", "pi_coverage"),
            "### Tests without any effect, share of rejections at .05",
            "In percent; tau .3 between and .1 within studies, mean over what the model "
            "knows of the errors. A dash: the test is not defined for so few studies.",
            markdown(errors),
            levels(),
        ]
    )


def predictions() -> str:
    """Return the section on prediction intervals of one-level models."""
    frame = pd.read_csv(HERE / "promises_prediction.csv")
    runs = int(frame["runs"].iloc[0])
    own, old = "pi_coverage_confidence-distribution", "pi_coverage_metafor"
    frame["width"] = frame["pi_width_confidence-distribution"].div(
        frame["pi_width_metafor"]
    )
    wide = frame[frame["tau"] > 0]
    lowest = frame.loc[frame[own].idxmin()]
    worst = frame.loc[frame[old].idxmin()]
    below = [
        f"k = {row.k}, tau = {row.tau:g}, {row.n}: {percent(row[own])}"
        for _, row in frame[frame[own].round(3) < LEAST].iterrows()
    ]
    said = f"Cells below 93%: {'; '.join(below)}." if below else "No cell is below 93%."
    over = wide[wide[own] > 0.97]
    ratio = frame.pivot_table("width", "k", "tau")
    table = pd.DataFrame({"k": ratio.index.astype(str)})
    for level in ratio.columns:
        table[f"tau = {level:g}"] = ratio[level].map("{:.2f}".format).to_numpy()
    return "\n\n".join(
        [
            "## Prediction intervals that carry the uncertainty of tau2",
            f"{len(frame)} cells of {runs:,} SIMULATED literatures of one coefficient "
            "per study, normal items, 12 items, 20 to 50 (`small`), 20 to 300 (`mixed`) "
            "or 200 to 500 (`large`) respondents. The default interval "
            '(`prediction="confidence-distribution"`) against metafor\'s, which takes '
            "tau2 as known. Where tau is small against the sampling errors it is wide, "
            "since nobody knows that tau is small. From 15 coefficients on, part of the "
            "confidence in tau2 = 0 is not counted; the number 15 was chosen on other "
            "cells with other seeds than these.",
            f"The default holds {percent(wide[own].mean())} of new populations over the "
            f"cells with tau above 0, metafor's {percent(wide[old].mean())}; the lowest "
            f"cell of the default has {percent(lowest[own])} (k = {lowest['k']}, tau = "
            f"{lowest['tau']:g}, {lowest['n']}), of metafor's {percent(worst[old])}. "
            f"{said} In {len(over)} of {len(wide)} cells with tau above 0 it holds more "
            "than 97%; the last table has its width, and results print metafor's limits "
            "next to it.",
            "### Share of new populations, default",
            shares(frame, ["k"], "tau", own),
            "The lowest of the three sizes of samples:",
            shares(frame, ["k"], "tau", own, "min"),
            "### Share of new populations, metafor's interval",
            shares(frame, ["k"], "tau", old),
            "### Width of the default, relative to metafor's",
            "Of the median widths.",
            markdown(table),
            probabilities(),
        ]
    )


def gaps(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return the mean stated less the mean true probability, a column a tenth."""
    sums = frame.assign(
        gap=(frame["stated"] - frame["share"]) * frame["count"],
    ).groupby([*by, "tenth"])[["gap", "count"]]
    total = sums.sum()
    means = (total["gap"] / total["count"]).rename("gap").reset_index()
    return means.pivot_table("gap", by, "tenth")


def gap_table(found: pd.DataFrame, name: str) -> str:
    """Return gaps as a table, with two decimals more than a probability needs."""
    table = pd.DataFrame({name: found.index.astype(str)})
    for tenth in found.columns:
        cells = found[tenth].map(lambda gap: "–" if pd.isna(gap) else f"{gap:+.3f}")
        table[f"{tenth / 10:.1f} to {(tenth + 1) / 10:.1f}"] = cells.to_numpy()
    return markdown(table)


def probabilities() -> str:
    """Return the section on `threshold_probability`."""
    frame = pd.read_csv(HERE / "promises_probability.csv")
    runs = int(frame["runs"].iloc[0])
    kinds = {
        "default": "default",
        "confidence-distribution": "of the prediction interval",
        "plug-in": "estimates as if known",
        "known tau": "tau known",
    }
    whole = frame[frame["true"] == "all"]
    half = frame[frame["true"] == "half"]
    own = whole[whole["kind"] == "default"]
    tables = [gaps(part, ["kind"]).loc[list(kinds)] for part in (whole, half)]
    largest = tables[0].loc["default"].abs().max()
    for table in tables:
        table.index = table.index.map(kinds)
    by_k = gaps(own, ["k"])
    cells = gaps(own, ["k", "tau"])
    each = by_k.abs().max().max()
    far = cells.abs().max(axis=1).idxmax()
    worst = (*far, int(cells.loc[far].abs().idxmax()))
    upper = tables[1].loc["default"]
    known = tables[1].loc["tau known"]
    count = frame.drop_duplicates(["k", "tau", "n"]).shape[0]
    return "\n\n".join(
        [
            "## Probabilities of thresholds",
            f"{count} cells of {runs:,} SIMULATED literatures each of 5 to 50 studies, tau "
            ".1 to .5, samples as above; `threshold_probability` is asked for thresholds "
            "that a share of .01 to .99 of populations exceeds, evenly spread. Stated "
            "probabilities are sorted into tenths; the tables show the mean stated less "
            "the mean true probability in each.",
            f"In every tenth the default is within {largest:.3f} over all cells, and "
            f"within {each:.3f} for each number of studies. In single cells of "
            "studies and tau, which nobody knows, the largest gap is "
            f"{cells.abs().max().max():.3f} (k = {worst[0]}, tau = {worst[1]:g}, stated "
            f"{worst[2] / 10:.1f} to {(worst[2] + 1) / 10:.1f}): where tau is small "
            "against the sampling errors, the bias of the Bonett scale is a part of it, "
            'which `bias="exact"` removes.',
            gap_table(tables[0], "probability"),
            gap_table(by_k, "k, default"),
            "The same where only thresholds are asked for that at least half of the "
            "populations exceed (true probabilities .5 to .99). A stated probability "
            "below .5 is then too low whatever it is, since no true one is so low, and "
            "those a little above it mix with them: nothing that does not know which "
            "thresholds were asked for can avoid that, not even the probabilities of one "
            f"who knows tau ({known[5]:+.3f} from .5 to .6, {known[6]:+.3f} from .6 to "
            f".7). From .7 up the default is within {upper[[7, 8, 9]].abs().max():.3f}.",
            gap_table(tables[1], "probability"),
        ]
    )


def levels() -> str:
    """Return the section on probabilities of models with several levels."""
    frame = pd.read_csv(HERE / "promises_levels.csv")
    frame = frame.rename(columns={"studies": "S"})
    runs = int(frame["runs"].iloc[0])
    whole, half = (
        gaps(frame[frame["true"] == part], ["S"]) for part in ("all", "half")
    )
    facts = ["S", "coefficients", "tau", "omega", "assumed"]
    count = frame.drop_duplicates(facts).shape[0]
    worst = "; ".join(f"{gap:.3f} with S = {S}" for S, gap in _largest(whole).items())
    return "\n\n".join(
        [
            "### Probabilities of thresholds, models with several levels",
            f"{count} cells of {runs:,} of these literatures, those whose true values "
            "vary: the probability that a new coefficient of a new study exceeds "
            "thresholds that a share of .01 to .99 of them exceeds, from t on S - p. The "
            "mean stated less the mean true probability, by tenths of the stated one; the "
            f"largest gap is {worst}. With few studies t says too little of how uncertain "
            "the variances are: high probabilities are too high, low ones too low. "
            "Results say so.",
            gap_table(whole, "S"),
            "The same where at least half of the true values exceed the threshold:",
            gap_table(half, "S"),
        ]
    )


def _largest(found: pd.DataFrame) -> pd.Series:
    """Return the largest gap of each row."""
    largest: pd.Series = found.abs().max(axis=1)
    return largest


def stated(frame: pd.DataFrame, of: str) -> list[dict[str, float]]:
    """Return how far stated probabilities are off, a row for each number of studies.

    ``gap`` is the largest of the tenths; ``half`` are the two tenths from .5 and from .6
    where only thresholds are asked for that at least half of the populations exceed.
    """
    whole, half = (gaps(frame[frame["true"] == part], [of]) for part in ("all", "half"))
    return [
        {
            of: int(n),
            "gap": round(float(gap), 3),
            "half": [round(float(half.loc[n, tenth]), 3) for tenth in (5, 6)],
        }
        for n, gap in _largest(whole).items()
    ]


def spread_of_sizes(k: int, sizes: tuple[int, ...]) -> float:
    """Return the standard deviation of the log variances of k samples of such sizes."""
    return float(np.log(np.resize(sizes, k) - 2).std())


def of_means() -> list[dict[str, Any]]:
    """Return the lowest and the highest coverage over tau, of means over items."""
    frame = pd.read_csv(HERE / "promises.csv")
    frame = frame[frame["model"].isin(METHODS) & frame["measure"].isin(MEASURES)]
    facts = ["measure", "model", "test", "n", "k"]
    means = frame.groupby([*facts, "tau"])["ci_coverage"].mean()
    ends = means.groupby(facts).agg(["min", "max"]).reset_index()
    return [
        {
            "measure": MEASURES[row["measure"]],
            "method": METHODS[row["model"]],
            "test": row["test"],
            "k": row["k"],
            "log_spread": round(spread_of_sizes(row["k"], SIZES[row["n"]]), 3),
            "low": round(row["min"], 4),
            "high": round(row["max"], 4),
        }
        for row in ends.to_dict("records")
    ]


def of_levels() -> list[dict[str, Any]]:
    """Return the lowest and the highest coverage by studies, repeated cells by repeats."""
    frame = pd.read_csv(HERE / "promises_dependent.csv")
    rows = []
    for studies, part in frame.groupby("studies"):
        row: dict[str, Any] = {"studies": int(str(studies))}
        for name in ("ci", "pi"):
            best = best_known(part, f"{name}_coverage")
            row[name] = [round(float(best.min()), 4), round(float(best.max()), 4)]
        rows.append(row)
    return rows


def best_known(frame: pd.DataFrame, value: str) -> pd.Series:
    """Return a coverage by cell: that of the repeat where there was one."""
    return frame[f"again_{value}"].fillna(frame[value])


def measurements() -> str:
    """Return what results say of themselves, as JSON."""
    prediction = pd.read_csv(HERE / "promises_prediction.csv")
    cells = [
        {
            "k": int(row["k"]),
            "ratio": round(float(row["ratio"]), 4),
            "default": round(float(row["pi_coverage_confidence-distribution"]), 4),
            "metafor": round(float(row["pi_coverage_metafor"]), 4),
        }
        for _, row in prediction.iterrows()
    ]
    asked = pd.read_csv(HERE / "promises_probability.csv")
    several = pd.read_csv(HERE / "promises_levels.csv")
    found = {
        "title": "Measured coverage of SIMULATED studies, see docs/promises.md",
        "mean": of_means(),
        "levels": of_levels(),
        "prediction": cells,
        "probability": stated(asked[asked["kind"] == "default"], "k"),
        "probability_levels": stated(several, "studies"),
    }
    lines = []
    for name, value in found.items():
        rows = value if isinstance(value, list) else None
        text = json.dumps(value)
        if rows is not None:
            text = "[\n  " + ",\n  ".join(json.dumps(row) for row in rows) + "\n ]"
        lines.append(f' "{name}": {text}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def page() -> str:
    """Return the page."""
    frame = results()
    runs = int(frame["runs"].iloc[0])
    cells = len(frame.drop_duplicates(["k", "tau", "n", "n_items", "items"]))
    wide = frame[(frame["tau"] > 0) & frame["pi_coverage"].notna()]
    tau2 = frame[frame["method"].isin([BEST]) & (frame["items"] == "ceiling")]
    inflated = tau2.groupby("tau")["tau2"].mean()
    truth = ", ".join(
        f"{value**0.5:.2f} where tau is {tau:g}" for tau, value in inflated.items()
    )
    return (
        "\n\n".join(
            [
                "# Nominal and actual coverage of the models",
                "This page is written by `docs/promises.py` from the simulation of "
                "`analyses/05_promises.py`. All studies in it are SIMULATED: "
                f"{cells} cells of {runs:,} reliability generalization studies each, of 3 "
                "to 100 samples, 20 to 50 (`small`) or 20 to 300 (`mixed`) respondents, 3, "
                "12 and 36 items, true alphas around .85 whose Bonett scale is normal with "
                "standard deviation tau.",
                "## What to do",
                advice(frame),
                "![Coverage of 95% intervals by number of studies](promises.svg)",
                "## How it was done",
                "Alphas of *normal* items come from their exact law, "
                "(1 - alpha)/(1 - a) ~ F(n - 1, (n - 1)(m - 1)). Alphas of *ceiling* items "
                "(five points, 55% of answers at the top, one factor with equal loadings) "
                "come from answers: a pool of 2,000 alphas is drawn answer by answer for "
                "each n, m and true alpha on a grid of 0.4 on the Bonett scale; a study "
                "takes the error of a random member of the pool at a grid point beside its "
                "own true alpha. So the errors are those of answers, but a pool is used "
                "again. A model on another scale is judged by the mean of true alphas on "
                "*that* scale, which is kind to it; true alphas are normal on the Bonett "
                "scale, which is kind to that one. The share of new populations in a "
                "prediction interval is computed from its limits, not drawn. The moderator "
                "of the type I errors is an even spread over the studies in random order. "
                "A coverage of 95% in one cell has a standard error of "
                f"{100 * (0.95 * 0.05 / runs) ** 0.5:.1f} points; the tables show "
                "means of at least 18 cells.",
                "The script spreads its cells over the processors with joblib; with the "
                'word `dask` it gives them to dask (`pip install ".[cluster]"`), to a '
                "cluster of its own on this machine or, where `DASK_SCHEDULER_ADDRESS` "
                "names one, to another. Seeds belong to cells, so that all print the same "
                "numbers. `small` is a trial of half a minute, the cells of 3, 5 and 10 "
                "normal samples, and writes to files of its own:",
                "```sh\n"
                "python analyses/05_promises.py 2000              # this page\n"
                "python analyses/05_promises.py 20 small dask     # the trial\n"
                "DASK_SCHEDULER_ADDRESS=tcp://scheduler:8786 "
                "python analyses/05_promises.py 5000 dask\n```",
                "## Coverage of the 95% interval of the mean",
                "In percent; `ceiling` for ceiling items.",
                by(frame, "ci_coverage", "k"),
                by(frame, "ci_coverage", "tau"),
                lowest(frame),
                "## Coverage of the 95% prediction interval",
                "Share of new populations, in percent, cells with tau above 0.",
                by(wide, "pi_coverage", "k"),
                by(wide, "pi_coverage", "tau"),
                "## Type I error of a moderator",
                "In percent; 5 is promised.",
                by(frame, "type_1", "k"),
                by(frame, "type_1", "tau"),
                "## Bias of the mean, in thousandths of alpha",
                by(frame, "bias", "tau", 1000),
                "Estimated tau with ceiling items (root of the mean tau2, REML, exact "
                f"bias): {truth}.",
                predictions(),
                dependent(),
            ]
        )
        + "\n"
    )


if __name__ == "__main__":
    for name in PARTS:
        if (OUTPUT / f"05_promises_{name}.csv").exists():
            measured = pd.read_csv(OUTPUT / f"05_promises_{name}.csv")
            target = HERE / f"promises_{name}.csv"
            measured.to_csv(target, index=False, float_format="%.6g")
    if (OUTPUT / "05_promises.csv").exists():
        measured = pd.read_csv(OUTPUT / "05_promises.csv")
        measured.to_csv(HERE / "promises.csv", index=False, float_format="%.6g")
        figure = (OUTPUT / "05_promises.svg").read_bytes()
        (HERE / "promises.svg").write_bytes(figure)
    MEASURED.write_text(measurements(), encoding="utf-8")
    (HERE / "promises.md").write_text(page(), encoding="utf-8")
    print("wrote promises.md and promises.json")
