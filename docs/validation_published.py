"""Published numbers of worked examples beside what waistats says now.

No paper was at hand: every row says where its number was read. Pages, tables and
numbers of papers are those that metafor's own tests of its worked examples
(``tests/testthat/test_analysis_example_*.r``) compare with; where they say that the
paper prints another number, it is omitted here. Others are from help pages.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import waistats as ws
from waistats.reliability._intervals import bonett_se, feldt_limits

FOLDER = Path(__file__).parents[1] / "tests" / "reference"
DATA = json.loads((FOLDER / "published_data.json").read_text(encoding="utf-8"))["data"]


METAFOR = "metafor's test"
VCMETA, STATPSYCH = "vcmeta's help", "statpsych's help"
MORE_DIGITS = "metafor's test, more digits than the table"


class Published(NamedTuple):
    """A printed number: where it stands, what it is, its digits, ours, who has it."""

    source: str
    place: str
    quantity: str
    printed: str
    ours: float
    read_in: str


def agrees(row: Published) -> bool:
    """Return whether ours rounds to the printed digits."""
    decimals = len(row.printed.partition(".")[2])
    return abs(row.ours - float(row.printed)) <= 0.5 * 10**-decimals + 1e-12


def rows(
    source: str, place: str, names: str, printed: str, ours: Any, read_in: str = METAFOR
) -> Iterator[Published]:
    """Yield one row per number; names are separated by ';', numbers by blanks."""
    texts = printed.split()
    labels = [name.strip() for name in names.split(";")]
    values = np.atleast_1d(np.asarray(ours, dtype=float)).ravel()
    for label, text, value in zip(labels, texts, values, strict=True):
        yield Published(source, place, label, text, float(value), read_in)


def table(name: str) -> pd.DataFrame:
    """Return the data of a worked example."""
    frame = pd.DataFrame(DATA[name])
    return frame.assign(study_id=[f"S{i + 1}" for i in range(len(frame))])


def fit(name: str, moderators: str | None = None, **options: Any) -> Any:
    """Return a model of a worked example, without Knapp and Hartung's factor."""
    return ws.fit_meta(table(name), moderators, **({"small_sample": "wald"} | options))


def viechtbauer_2005() -> Iterator[Published]:
    """Yield seven estimators on two data sets."""
    source = "Viechtbauer (2005), J. Educ. Behav. Stat., 30, 261-293"
    methods = ("HS", "HE", "DL", "ML", "REML", "EB", "SJ")
    printed = {
        "p. 271": (
            "viechtbauer2005_1",
            ".228 .148 .277 .197 .223 .192 .199",
            "77.23 68.80 80.44 74.51 76.84 74.05 74.75",
            "4.39 3.21 5.11 3.92 4.32 3.85 3.96",
        ),
        "p. 272": (
            "viechtbauer2005_2",
            ".010 .000 .013 .013 .016 .010 .025",
            "22.93 0.00 27.53 28.45 32.02 23.72 42.67",
            "1.30 1.00 1.38 1.40 1.47 1.31 1.74",
        ),
    }
    for place, (name, *texts) in printed.items():
        fits = [fit(name, method=method) for method in methods]
        for quantity, text in zip(("tau2", "I2", "H2"), texts, strict=True):
            names = "; ".join(f"{quantity}, {method}" for method in methods)
            values = [getattr(f, quantity) for f in fits]
            yield from rows(source, place, names, text, values)


def viechtbauer_2007() -> Iterator[Published]:
    """Yield intervals of the heterogeneity variance."""
    source, place = "Viechtbauer (2007), Statist. Med., 26, 37-52", "p. 44, Table II"
    methods = ("DL", "ML", "REML", "SJ")
    fits = [fit("viechtbauer2007", method=method) for method in methods]
    names = "; ".join(f"tau2, {method}" for method in methods)
    ours = [f.tau2 for f in fits]
    yield from rows(source, place, names, ".230 .239 .301 .456", ours, MORE_DIGITS)
    limits = fits[0].heterogeneity_intervals().loc["tau2", ["ci_low", "ci_high"]]
    names = "tau2, Q-profile low; tau2, Q-profile high"
    yield from rows(source, place, names, ".072 2.203", limits, MORE_DIGITS)
    data = table("viechtbauer2007")
    for method, text in (("ML", ".027 1.131"), ("REML", ".043 1.475")):
        model = ws.fit_multilevel(data, levels=("study_id",), method=method)
        limits = model.components[["ci_low", "ci_high"]].iloc[0]
        kind = f"tau2, profile likelihood ({method})"
        names = f"{kind} low; {kind} high"
        yield from rows(source, place, names, text, limits, MORE_DIGITS)
    for one, text in zip(fits[1:3], ("-.101 .578", "-.131 .732"), strict=True):
        ours = [one.tau2 - 1.96 * one.tau2_se, one.tau2 + 1.96 * one.tau2_se]
        names = f"tau2, Wald ({one.method}) low; tau2, Wald ({one.method}) high"
        yield from rows(source, place, names, text, ours, MORE_DIGITS)


def konstantopoulos_2011() -> Iterator[Published]:
    """Yield two- and three-level models of school calendars."""
    source = "Konstantopoulos (2011), Res. Synth. Methods, 2, 61-76"
    place = "p. 70, Table 4"
    two = fit("konstantopoulos2011")
    ours = [two.estimate, two.se, two.tau2, two.tau2_se]
    names = "estimate; se; tau2; se of tau2"
    yield from rows(source, place, names, ".128 .044 .088 .020", ours)
    data = table("konstantopoulos2011")
    data["centred"] = data["year"] - data["year"].mean()
    two = ws.fit_meta(data, "~ centred", small_sample="wald")
    ours = [*two.beta, two.to_frame()["se"][1], two.tau2_se]
    names = "intercept; year; se of year; se of residual tau2"
    yield from rows(source, place, names, ".126 .005 .004 .020", ours)
    place = "p. 71, Table 5"
    options = {"levels": ("district", "study"), "method": "ML", "small_sample": "wald"}
    three = ws.fit_multilevel(data, **options)
    ours = [three.estimate, three.se, *three.sigma2]
    names = "ML estimate; se; variance, district; variance, school"
    yield from rows(source, place, names, ".184 .080 .058 .033", ours)
    three = ws.fit_multilevel(data, "~ centred", **options)
    ours = [three.beta[1], *three.to_frame()["se"], *three.sigma2]
    names = "year; se of intercept; se of year; variance, district; variance, school"
    yield from rows(source, place, names, ".005 .080 .009 .056 .033", ours)


def raudenbush() -> Iterator[Published]:
    """Yield five estimators, two kinds of standard error, and a moderator."""
    source = "Raudenbush (2009), in Handbook of Research Synthesis, 2nd ed., 295-315"
    place = "p. 309, Table 16.3"
    printed = {
        "CE": (".060 .036 1.655 -.011 .132", ".051 1.173 -.048 .168"),
        "ML": (".013 .078 .047 1.637 -.015 .171", ".059 1.311 -.047 .202"),
        "REML": (".019 .084 .052 1.621 -.018 .185", ".062 1.359 -.046 .213"),
        "DL": (".026 .089 .056 1.601 -.020 .199", ".064 1.405 -.044 .223"),
        "HE": (".080 .114 .079 1.443 -.041 .270", ".071 1.608 -.035 .264"),
    }
    parts = ["estimate", "se", "statistic", "ci_low", "ci_high"]
    for method, texts in printed.items():
        for test, text in zip(("wald", "knapp-hartung"), texts, strict=True):
            one = fit("raudenbush1985", method=method, small_sample=test)
            ours = list(one.to_frame()[parts].iloc[0])
            labels = list(parts)
            if test == "knapp-hartung":
                ours, labels = ours[1:], labels[1:]
            elif method != "CE":
                ours, labels = [one.tau2, *ours], ["tau2", *labels]
            names = "; ".join(f"{label}, {method}, {test}" for label in labels)
            yield from rows(source, place, names, text, ours)
    data = table("raudenbush1985")
    data["weeks"] = data["weeks"].clip(upper=3)
    one = ws.fit_meta(data, "~ weeks", small_sample="wald")
    ours = [one.tau2, *one.beta, one.Q, *one.to_frame()["statistic"]]
    names = "residual tau2; intercept; weeks; Q; z of intercept; z of weeks"
    text = ".000 .407 -.157 16.57 4.68 -4.39"
    yield from rows(source, "p. 301, Table 16.2", names, text, ours)


def dersimonian_2007() -> Iterator[Published]:
    """Yield estimators on the CLASP example."""
    source = "DerSimonian & Kacker (2007), Contemp. Clin. Trials, 28, 105-114"
    place = "pp. 111-112, Tables 3 and 4"
    printed = {
        "PM": ".3681 -.3811 .2060",
        "HE": ".4410 -.4035 .2327",
        "DL": ".2323 -.3240 .1540",
        "ML": "- - .0694",
        "REML": ".1843 -.2980 .1343",
        "HS": ".1330 -.2666 .1125",
        "SJ": ".4572 -.4079 .2386",
    }
    for method, text in printed.items():
        one = fit("dersimonian2007", method=method)
        ours = [one.tau, one.estimate, one.se]
        parts = ("tau", "estimate", "se")
        for part, printed_one, value in zip(parts, text.split(), ours, strict=True):
            # "-": metafor stopped on its way to 0, which ML reaches here
            if printed_one != "-":
                label = f"{part}, {method}"
                yield Published(source, place, label, printed_one, value, METAFOR)


def berkey_1995() -> Iterator[Published]:
    """Yield empirical Bayes models of the BCG trials."""
    source, place = "Berkey et al. (1995), Statist. Med., 14, 395-411", "p. 408"
    one = fit("berkey1995", method="EB")
    ours = [one.estimate, one.se, one.tau2]
    yield from rows(source, place, "estimate; se; tau2", "-.5429 .1842 .268", ours)
    two = fit("berkey1995", "~ I(ablat - 33.46)", method="EB")
    se = two.to_frame()["se"]
    ours = [two.beta[1], *se, two.tau2, two.R2]
    names = "latitude; se of intercept; se of latitude; residual tau2; R2"
    yield from rows(source, place, names, "-.0268 .1591 .0110 .157 41", ours)
    common = fit("berkey1995", "~ I(ablat - 33.46)", method="CE")
    ours = [common.beta[1], common.to_frame()["se"][0]]
    names = "latitude, common effect; se of intercept, common effect"
    yield from rows(source, place, names, "-.0282 .0696", ours)


def normand_1999() -> Iterator[Published]:
    """Yield models of lengths of stay."""
    source, place = "Normand (1999), Statist. Med., 18, 321-359", "p. 352, Table IX"
    printed = {
        "CE": "-3.49 -5.03 -1.96",
        "DL": "-14.10 -24.45 -3.75 218.72",
        "REML": "-15.12 -32.67 2.43 685.20",
    }
    for method, text in printed.items():
        one = fit("normand1999", method=method)
        row = one.to_frame().iloc[0]
        ours = [row["estimate"], row["ci_low"], row["ci_high"], one.tau2]
        parts = ("estimate", "ci_low", "ci_high", "tau2")[: len(text.split())]
        names = "; ".join(f"{part}, {method}" for part in parts)
        yield from rows(source, place, names, text, ours[: len(parts)])


def van_houwelingen_2002() -> Iterator[Published]:
    """Yield models of the BCG trials' odds ratios."""
    source = "van Houwelingen et al. (2002), Statist. Med., 21, 589-624"
    name = "vanhouwelingen2002"
    one = fit(name, method="CE").to_frame().iloc[0]
    ours = np.exp([one["estimate"], one["ci_low"]])
    names = "odds ratio, common effect; ci_low, common effect"
    yield from rows(source, "p. 596", names, ".647 .595", ours)
    model = fit(name, method="ML")
    one = model.to_frame().iloc[0]
    ours = [*np.exp([one["estimate"], one["ci_low"], one["ci_high"]]), model.tau2]
    names = "odds ratio, ML; ci_low, ML; ci_high, ML; tau2, ML"
    yield from rows(source, "p. 597", names, ".476 .336 .675 .302", ours)
    model = fit(name, "~ ablat", method="ML")
    ours = [*model.beta, *model.to_frame()["se"], model.tau2, model.R2]
    names = "intercept; latitude; se of intercept; se of latitude; residual tau2; R2"
    text = ".371 -.033 .106 .003 .004 98.7"
    yield from rows(source, "pp. 608-609", names, text, ours)


def shrout_fleiss_1979() -> Iterator[Published]:
    """Yield the six intraclass correlations of the four judges."""
    source = "Shrout & Fleiss (1979), Psychol. Bull., 86, 420-428"
    judges = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6]]
    judges += [[10, 5, 6, 9], [6, 2, 4, 7]]
    found = ws.intraclass_correlations(np.array(judges, dtype=float))
    found = found.set_index("term")["estimate"]
    names, ours = "ICC(3,1)", found["3,1"]
    yield from rows(source, "Table 4", names, ".71", ours, "nipype's test")
    rest = found.drop("3,1")
    names = "; ".join(f"ICC({form})" for form in rest.index)
    place = "its example, as psych's help has it"
    read_in = "output of psych 2.2.9's ICC()"
    yield from rows(source, place, names, ".17 .29 .44 .62 .91", rest, read_in)


def cohen() -> Iterator[Published]:
    """Yield the kappa of Cohen's 200 judgements."""
    source = "Cohen's example of 200 judgements"
    counts = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    first, second = (
        np.repeat(axis.ravel(), counts.ravel()) for axis in np.indices((3, 3))
    )
    ids = [f"S{i + 1}" for i in range(counts.sum())]
    sheets = [
        pd.DataFrame({"study_id": ids, "rater": [f"category {c}" for c in codes]})
        for codes in (first, second)
    ]
    kappa = ws.compare_coders(*sheets).to_frame()["estimate"]
    place, read_in = "what Cohen reports", "psych's help of cohen.kappa"
    yield from rows(source, place, "kappa", ".492", kappa, read_in)


def vcmeta() -> Iterator[Published]:
    """Yield the varying-coefficient examples of Bonett's packages."""
    source = "R package vcmeta (Bonett); its help names Bonett (2010) for the method"
    four = pd.DataFrame(
        {
            "study_id": list("ABCD"),
            "estimate": [0.91, 0.89, 0.90, 0.89],
            "n": [583, 470, 546, 680],
            "n_items": 10,
        }
    )
    parts = ["estimate", "se", "ci_low", "ci_high"]
    one = ws.fit_varying_coefficient(four).to_frame()[parts].iloc[0]
    text = ".8975 .003256081 .8911102 .9038592"
    names = "; ".join(f"mean alpha: {part}" for part in parts)
    yield from rows(source, "example of meta.ave.cronbach", names, text, one, VCMETA)
    each = ws.fit_varying_coefficient(four, by="study_id").to_frame()
    texts = (
        ".9100 .005566064 .8985763 .9204108",
        ".8900 .007579900 .8743616 .9041013",
        ".9000 .006391375 .8868623 .9119356",
        ".8900 .006297549 .8771189 .9018203",
    )
    for i, text in enumerate(texts):
        names = "; ".join(f"study {i + 1}: {part}" for part in parts)
        ours = each[parts].iloc[i]
        yield from rows(
            source, "example of meta.ave.cronbach", names, text, ours, VCMETA
        )
    two = four.assign(
        estimate=[0.89, 0.87, 0.73, 0.71], n=[120, 170, 150, 135], group=list("AABB")
    )
    found = ws.fit_varying_coefficient(two, by="group").to_frame()
    texts = (
        ".88 .01068845 .8581268 .8999386",
        ".72 .02515130 .6684484 .7668524",
        ".16 .02732821 .1082933 .2152731",
    )
    for i, (label, text) in enumerate(
        zip(("set A", "set B", "difference"), texts, strict=True)
    ):
        names = "; ".join(f"{label}: {part}" for part in parts)
        ours = found[parts].iloc[i]
        yield from rows(
            source, "example of meta.sub.cronbach", names, text, ours, VCMETA
        )
    first = four.assign(first=[1, 0, 0, 0])
    found = ws.fit_varying_coefficient(first, "~ first").to_frame()
    texts = (
        "2.2408328 .03675883 2.16878684 2.3128788",
        ".1689006 .07204625 .02769259 .3101087",
    )
    for i, text in enumerate(texts):
        names = "; ".join(f"regression, b{i}, our sign: {part}" for part in parts)
        ours = found[parts].iloc[i]
        yield from rows(
            source, "example of meta.lm.cronbach", names, text, ours, VCMETA
        )
    pair = pd.DataFrame(
        {
            "study_id": ["original", "follow-up"],
            "estimate": [0.883, 0.869],
            "n": [100, 200],
            "n_items": 6,
        }
    )
    ours = ws.fit_varying_coefficient(pair).to_frame()[parts].iloc[0]
    names = "; ".join(f"average of two: {part}" for part in parts)
    text = ".876 .01172239 .85187755 .89774525"
    yield from rows(source, "example of replicate.cronbach", names, text, ours, VCMETA)


def statpsych() -> Iterator[Published]:
    """Yield an exact interval and sample sizes."""
    source = "R package statpsych (Bonett); its help names"
    low, high = feldt_limits(0.85, 89, 7)
    ours = [bonett_se(0.85, 89, 7), low, high]
    yield from rows(
        f"{source} Feldt (1965) for the interval",
        "example of ci.cronbach",
        "se; ci_low; ci_high",
        ".02457 .7971 .8932",
        ours,
        STATPSYCH,
    )
    sizes = {
        "example of size.test.cronbach": (
            "139",
            (0.80, 5),
            {"null": 0.70, "power": 0.85},
        ),
        "example of size.test.cronbach2": ("77", (0.85, 8), {"alpha2": 0.70}),
    }
    for place, (text, given, options) in sizes.items():
        ours = ws.sample_size_for_alpha(*given, **options)
        label = f"{source} Bonett & Wright (2015) for the method"
        yield from rows(label, place, "respondents", text, ours, STATPSYCH)


EXAMPLES = (
    viechtbauer_2005,
    viechtbauer_2007,
    konstantopoulos_2011,
    raudenbush,
    dersimonian_2007,
    berkey_1995,
    normand_1999,
    van_houwelingen_2002,
    shrout_fleiss_1979,
    cohen,
    vcmeta,
    statpsych,
)


def published() -> list[Published]:
    """Return every published number."""
    return [row for example in EXAMPLES for row in example()]


def paged(row: Published) -> bool:
    """Return whether a number of a paper is named with its page or table."""
    named = row.place.startswith(("p.", "pp.", "Table"))
    return named and row.read_in != MORE_DIGITS
