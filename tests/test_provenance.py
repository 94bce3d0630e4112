"""SIMULATED data are called SIMULATED in every frame, print, figure and table."""

import inspect
import runpy
from functools import cached_property
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

import waistats as w
from waistats import figures, tables
from waistats._format import Result
from waistats.figures._alt import describe, is_marked, mark_simulated
from waistats.provenance import SIMULATED, is_simulated, marked, noted

FORM = "WAI-S"


class Made:
    """What the functions are called with; each part is made once."""

    def __init__(self, *, simulated):
        self.simulated = simulated

    def _as(self, frame):
        """Return a frame as simulated data are, or as if they were real."""
        return frame if self.simulated else frame.drop(columns="provenance")

    @cached_property
    def responses(self):
        made = w.simulate_responses(
            FORM, studies=8, n=range(40, 120), tau=0.3, reliability=0.85, seed=1
        )
        return self._as(made)

    @cached_property
    def items(self):
        first = self.responses[self.responses["study_id"] == "S01"]
        return w.keyed_items(first, FORM)

    @property
    def mark(self):
        return ["provenance"] if self.simulated else []

    @cached_property
    def scales(self):
        return {
            name: self.items.filter([f"wai{i}" for i in numbers] + ["provenance"])
            for name, numbers in w.get_instrument(FORM).subscales.items()
        }

    @cached_property
    def sessions(self):
        made = pd.concat([self.items.head(30).assign(at=t) for t in (1, 2, 3)])
        return made.assign(person=made.index)

    @cached_property
    def holes(self):
        items = self.items.copy()
        items.iloc[0, 0] = np.nan
        return items

    @cached_property
    def coefficients(self):
        table = w.reliability_by_study(
            self.responses, study="study_id", instrument=FORM
        )
        number = table["study_id"].str[1:].astype(int)
        raters = np.where(number % 2 == 0, "client", "therapist")
        return table.assign(rater=raters, year=2000 + number)

    @cached_property
    def totals(self):
        table = self.coefficients
        return table[table["scale"] == "total"].reset_index(drop=True)

    @cached_property
    def effects(self):
        return w.effect_sizes(self.totals)

    @cached_property
    def fit(self):
        return w.fit_meta(self.effects)

    @cached_property
    def moderated(self):
        return w.fit_meta(self.effects, "~ rater")

    @cached_property
    def by_year(self):
        return w.fit_meta(self.effects, "~ year")

    @cached_property
    def multilevel(self):
        return w.fit_multilevel(self.scales_effects)

    @cached_property
    def scales_effects(self):
        table = self.coefficients
        return w.effect_sizes(table[table["scale"] != "total"])

    @cached_property
    def multivariate(self):
        return w.fit_multivariate(
            self.scales_effects, within_correlation=0.5, struct="CS"
        )

    @cached_property
    def bayes_multilevel(self):
        return w.fit_bayes_multilevel(self.scales_effects, within_correlation=0.5)

    @cached_property
    def sums(self):
        return w.summarize_responses(self.responses, study="study_id", instrument=FORM)

    @cached_property
    def lengths(self):
        return w.fit_meta(w.effect_sizes(self.coefficients))

    @cached_property
    def location_scale(self):
        return w.fit_location_scale(self.effects, scale="~ rater")

    @cached_property
    def bayes(self):
        return w.fit_bayes(self.effects)

    @cached_property
    def sheet(self):
        return w.read_coefficients(self._as(w.simulate_literature(60, seed=3).table))

    @cached_property
    def log(self):
        """A SIMULATED log of a search."""
        said = ["duplicate"] * 3 + ["excluded_screening"] * 9 + ["included"] * 6
        frame = pd.DataFrame({"decision": said, "source": "PsycINFO"})
        return frame.assign(provenance=SIMULATED if self.simulated else "primary")

    @cached_property
    def rated(self):
        return self.coefficients.assign(unidim_checked=True, per_subscale_reported=True)

    @cached_property
    def study(self):
        return w.generalize(self.coefficients, "~ rater")

    @cached_property
    def gosh(self):
        return w.gosh(self.fit)

    @cached_property
    def multiverse(self):
        return w.multiverse(self.totals, models=("DL", "REML"))

    @cached_property
    def filled(self):
        return w.trim_and_fill(self.fit, side="right")

    @cached_property
    def egger(self):
        return w.egger_test(self.fit)


MADE = {True: Made(simulated=True), False: Made(simulated=False)}

# a few names for several calls of one function: the first word is the function
CALLS = {
    "score": lambda m: w.score(m.responses, FORM),
    "keyed_items": lambda m: w.keyed_items(m.responses, FORM),
    "audit_keys": lambda m: w.audit_keys(m.responses, FORM),
    "item_statistics": lambda m: w.item_statistics(m.items),
    "item_statistics_by_study": lambda m: w.item_statistics_by_study(
        m.responses, study="study_id", instrument=FORM
    ),
    "reliability_by_study": lambda m: w.reliability_by_study(
        m.responses, study="study_id", instrument=FORM
    ),
    "reliability_by_study of sums": lambda m: w.reliability_by_study(m.sums),
    "inspect_responses": lambda m: w.inspect_responses(
        m.responses, study="study_id", instrument=FORM
    ),
    "summarize_responses": lambda m: m.sums,
    "cronbach_alpha": lambda m: w.cronbach_alpha(m.items),
    "kr20": lambda m: w.kr20((m.items.filter(like="wai") > 4).join(m.items[m.mark])),
    "standardized_alpha": lambda m: w.standardized_alpha(m.items),
    "guttman_lambdas": lambda m: w.guttman_lambdas(m.items),
    "split_half": lambda m: w.split_half(m.items),
    "two_item_reliability": lambda m: w.two_item_reliability(
        m.items[["wai1", "wai2", *m.mark]]
    ),
    "omega_total": lambda m: w.omega_total(m.items),
    "omega_total of items that vary": lambda m: w.ordinal_alpha(
        m.items.assign(wai1=3.0), ci=None
    ),
    "omega_hierarchical": lambda m: w.omega_hierarchical(m.items),
    "omega_from_model": lambda m: w.omega_from_model(m.items, ci=None),
    "tau_equivalence": lambda m: w.tau_equivalence(m.items),
    "greatest_lower_bound": lambda m: w.greatest_lower_bound(m.items, ci=None),
    "omega_categorical": lambda m: w.omega_categorical(m.items, ci=None, smooth=True),
    "reliability_of_change": lambda m: w.reliability_of_change(
        m.scales["task"], m.scales["bond"], ci=None
    ),
    "smallest_detectable_change": lambda m: w.smallest_detectable_change(m.items),
    "compare_alphas of three": lambda m: w.compare_alphas(*m.scales.values()),
    "ordinal_alpha": lambda m: w.ordinal_alpha(m.items, ci=None),
    "ordinal_omega": lambda m: w.ordinal_omega(m.items, ci=None),
    "stratified_alpha": lambda m: w.stratified_alpha(m.scales),
    "alpha_covariance": lambda m: w.alpha_covariance(m.scales),
    "alpha_bounds": lambda m: w.alpha_bounds(m.holes, 1, 7),
    "compare_alphas": lambda m: w.compare_alphas(m.scales["task"], m.scales["bond"]),
    "compare_alphas paired": lambda m: w.compare_alphas(
        m.scales["task"], m.scales["bond"], paired=True
    ),
    "intraclass_correlation": lambda m: w.intraclass_correlation(m.items),
    "intraclass_correlations": lambda m: w.intraclass_correlations(m.items),
    "multilevel_reliability": lambda m: w.multilevel_reliability(
        m.sessions, person="person", session="at", items=["wai1", "wai2"], ci=None
    ),
    "effect_sizes": lambda m: w.effect_sizes(m.totals),
    "pool_covariances": lambda m: w.pool_covariances(m.sums),
    "describe_coefficients": lambda m: w.describe_coefficients(m.coefficients),
    "correlates": lambda m: w.correlates(m.totals, ["n", "year"]),
    "classical_regression": lambda m: w.classical_regression(m.totals, "~ year"),
    "fit_meta": lambda m: m.fit,
    "fit_meta with moderators": lambda m: m.moderated,
    "fit_meta predict": lambda m: m.fit.predict(),
    "fit_meta predict on its scale": lambda m: m.fit.predict(back_transform=False),
    "fit_meta heterogeneity": lambda m: m.fit.heterogeneity_intervals(),
    "fit_meta alpha_effects": lambda m: m.moderated.alpha_effects(),
    "fit_meta vif": lambda m: m.moderated.vif(),
    "fit_meta omnibus": lambda m: m.moderated.omnibus,
    "fit_meta compare": lambda m: w.fit_meta(m.effects, "~ rater", method="ML").compare(
        w.fit_meta(m.effects, method="ML")
    ),
    "fit_multilevel": lambda m: m.multilevel,
    "fit_multivariate": lambda m: m.multivariate,
    "fit_multivariate predict": lambda m: m.multivariate.predict(),
    "fit_multivariate contrasts": lambda m: m.multivariate.contrasts(),
    "fit_multivariate omnibus": lambda m: m.multivariate.omnibus,
    "fit_multivariate robust": lambda m: m.multivariate.robust(),
    "fit_multilevel component_tests": lambda m: m.multilevel.component_tests(),
    "fit_multilevel predict": lambda m: m.multilevel.predict(),
    "fit_multilevel heterogeneity": lambda m: m.multilevel.heterogeneity_intervals(),
    "fit_multilevel robust": lambda m: m.multilevel.robust(),
    "fit_multilevel robust predict": lambda m: m.multilevel.robust().predict(),
    "fit_multilevel robust predict on its scale": lambda m: (
        m.multilevel.robust().predict(back_transform=False)
    ),
    "fit_multilevel robust omnibus": lambda m: m.multilevel.robust().omnibus,
    "fit_subgroups": lambda m: w.fit_subgroups(m.effects, "rater"),
    "fit_subgroups common": lambda m: w.fit_subgroups(
        m.effects, "rater", tau2="common"
    ),
    "fit_subgroups between": lambda m: w.fit_subgroups(m.effects, "rater").between,
    "fit_varying_coefficient": lambda m: w.fit_varying_coefficient(
        m.effects, by="rater"
    ),
    "fit_varying_coefficient predict": lambda m: w.fit_varying_coefficient(
        m.effects
    ).predict(),
    "fit_varying_coefficient regression": lambda m: w.fit_varying_coefficient(
        m.effects, "~ rater"
    ),
    "fit_location_scale": lambda m: m.location_scale,
    "fit_location_scale predict": lambda m: m.location_scale.predict(),
    "fit_location_scale predict_tau": lambda m: m.location_scale.predict_tau(),
    "fit_location_scale ratio": lambda m: m.location_scale.scale_likelihood_ratio,
    "fit_bayes": lambda m: m.bayes,
    "fit_bayes predict": lambda m: m.bayes.predict(),
    "fit_bayes studies": lambda m: m.bayes.studies(),
    "fit_bayes sensitivity": lambda m: m.bayes.sensitivity([("uniform", 1.0)]),
    "fit_bayes_multilevel": lambda m: m.bayes_multilevel,
    "fit_bayes_multilevel predict": lambda m: m.bayes_multilevel.predict(),
    "fit_bayes_multilevel studies": lambda m: m.bayes_multilevel.studies(),
    "fit_bayes_multilevel coefficients": lambda m: m.bayes_multilevel.coefficients(),
    "fit_bayes_multilevel sensitivity": lambda m: m.bayes_multilevel.sensitivity([2.0]),
    "permutation_test": lambda m: w.permutation_test(
        m.effects, "~ rater", n_permutations=50
    ),
    "leave_one_out": lambda m: w.leave_one_out(m.fit),
    "leave_one_out of alphas": lambda m: w.leave_one_out(m.fit, back_transform=True),
    "influence": lambda m: w.influence(m.fit),
    "influence by study": lambda m: w.influence(m.fit, by="rater"),
    "cumulative": lambda m: w.cumulative(m.fit, "year"),
    "gosh": lambda m: m.gosh,
    "gosh split": lambda m: m.gosh.split(),
    "egger_test": lambda m: m.egger,
    "rank_test": lambda m: w.rank_test(m.fit),
    "pet_peese": lambda m: w.pet_peese(m.fit),
    "trim_and_fill": lambda m: m.filled,
    "threshold_selection": lambda m: w.threshold_selection(m.fit, 0.87),
    "threshold_selection ratio": lambda m: w.threshold_selection(m.fit, 0.87).lrt,
    "multiverse": lambda m: m.multiverse,
    "multiverse choices": lambda m: m.multiverse.choices(),
    "multiverse bands": lambda m: m.multiverse.bands(),
    "retrace": lambda m: w.retrace(m.totals, {"mean": ".85", "ci": (".80", ".90")}),
    "worst_case": lambda m: w.worst_case(m.fit, n_missing=3),
    "fail_safe_n": lambda m: w.fail_safe_n(m.fit),
    "spread_analysis": lambda m: w.spread_analysis(m.totals),
    "spread_analysis slope": lambda m: w.spread_analysis(m.totals).test_one,
    "induction_rate": lambda m: w.induction_rate(m.sheet),
    "compare_samples": lambda m: w.compare_samples(m.sheet),
    "induction_tests": lambda m: w.induction_tests(m.sheet),
    "expected_reliability": lambda m: w.expected_reliability(
        w.fit_meta(w.effect_sizes(m.sheet), "~ n_items"), m.sheet
    ),
    "flow_counts": lambda m: w.flow_counts(m.sheet),
    "prisma_counts": lambda m: w.prisma_counts(m.log),
    "study_quality": lambda m: w.study_quality(m.sheet),
    "generalize": lambda m: m.study,
    "generalize summary": lambda m: m.study.summary(),
    "practice_table": lambda m: w.practice_table(m.fit, 10),
    "predict_reliability": lambda m: w.predict_reliability(m.fit, n=50),
}

# functions that see no data, say nothing of them in a frame, or make SIMULATED data
WITHOUT = {
    *("back_transform", "cache_path", "check_coefficients", "coding_codebook"),
    *(
        "coding_examples",
        "compare_coders",
        "composite_reliability",
        "interpret_reliability",
    ),
    *("define_instrument", "disattenuate", "fetch_dataset", "fit_meta_many"),
    *("get_instrument", "identify_instrument", "item_columns", "kelley_true_score"),
    *("lengthening_factor", "list_datasets", "list_instruments", "load_dataset"),
    *("mean_inter_item_correlation", "restrict_range", "read_coefficients"),
    *("read_responses", "reliable_change", "sample_size_for_alpha"),
    *("limits_of_agreement", "sample_size_for_icc", "sample_size_for_omega"),
    *("sample_size_for_correlation", "simulate_hanson_study", "simulate_literature"),
    *("simulate_responses", "spearman_brown", "standard_error_of_measurement"),
    *("spread_covariance", "stem_and_leaf", "test_retest", "threshold_probability"),
    *("variance_ratio_test", "write_template", "write_texts_template", "read_texts"),
    *("read_references", "write_references", "rate_quality", "read_summaries"),
    *("loading_variation", "range_change", "decision_words"),
}


def examples_of_figures():
    """Return the examples of every figure, which stand in the figure's test."""
    found = {}
    for path in sorted((Path(__file__).parent / "figures").glob("test_*.py")):
        found |= runpy.run_path(str(path)).get("EXAMPLES", {})
    return found


FIGURES = examples_of_figures()

TABLES = {
    "agreement": lambda m: tables.agreement(w.compare_coders(m.sheet, m.sheet)),
    "characteristics": lambda m: tables.characteristics(m.coefficients),
    "checks": lambda m: tables.checks(m.study),
    "comparison": lambda m: tables.comparison(w.compare_samples(m.sheet)),
    "flow": lambda m: tables.flow(w.flow_counts(m.sheet)),
    "induction": lambda m: tables.induction(w.induction_rate(m.sheet)),
    "quality": lambda m: tables.quality(m.rated),
    "spread": lambda m: tables.spread(w.spread_analysis(m.totals)),
    "cells": lambda m: tables.cells(m.study.cells),
    "coefficients": lambda m: tables.coefficients(m.moderated),
    "coefficients robust": lambda m: tables.coefficients(m.multilevel.robust()),
    "components": lambda m: tables.components(m.multilevel),
    "correlates": lambda m: tables.correlates(w.correlates(m.totals, ["n", "year"])),
    "cumulative": lambda m: tables.cumulative(m.fit),
    "descriptives": lambda m: tables.descriptives(m.coefficients),
    "excluded": lambda m: tables.excluded(w.fit_meta(w.effect_sizes(m.sheet))),
    "heterogeneity": lambda m: tables.heterogeneity(m.fit),
    "influence": lambda m: tables.influence(m.fit),
    "items": lambda m: tables.items(w.item_statistics(m.items)),
    "leave_one_out": lambda m: tables.leave_one_out(m.fit),
    "levels": lambda m: tables.levels(m.study),
    "moderators": lambda m: tables.moderators(m.moderated),
    "multiverse": lambda m: tables.multiverse(m.multiverse),
    "pooled": lambda m: tables.pooled(m.fit),
    "pooled cells": lambda m: tables.pooled(m.study),
    "practice": lambda m: tables.practice(w.practice_table(m.fit, 10)),
    "reliability": lambda m: tables.reliability(w.cronbach_alpha(m.items)),
    "reliability of studies": lambda m: tables.reliability(m.coefficients),
    "score_errors": lambda m: tables.score_errors(w.generalize(m.totals)),
    "screen": lambda m: tables.screen(m.study),
    "small_study": lambda m: tables.small_study(m.egger),
    "small_study filled": lambda m: tables.small_study(m.filled),
    "studies": lambda m: tables.studies(m.coefficients),
    "subgroups": lambda m: tables.subgroups(m.fit, "rater"),
    "table": lambda m: tables.table(m.egger),
    "table of a frame": lambda m: tables.table(w.influence(m.fit)),
}


def frames_of(found):
    """Return every frame of what was found: itself, or those of a result."""
    if isinstance(found, pd.DataFrame):
        return {"frame": found}
    names = [name for name in dir(type(found)) if not name.startswith("_")]
    parts = {"to_frame()": found.to_frame()}
    for name in names:
        if name in {"profile", "estimate", "se", "equation"}:
            continue
        if not inspect.isroutine(getattr(type(found), name)):
            value = getattr(found, name)
            if isinstance(value, pd.DataFrame) and len(value):
                parts[name] = value
    return parts


@pytest.mark.parametrize("name", CALLS)
def test_frames_and_prints_say_simulated(name):
    found = CALLS[name](MADE[True])
    for part, frame in frames_of(found).items():
        assert "provenance" in frame, part
        assert set(frame["provenance"]) == {SIMULATED}, part
    if isinstance(found, Result):
        assert found.simulated
        assert SIMULATED in str(found).split("\n")[0]
        assert SIMULATED in found._repr_html_()


@pytest.mark.parametrize("name", CALLS)
def test_frames_of_real_data_do_not(name):
    found = CALLS[name](MADE[False])
    assert not is_simulated(found)
    for part, frame in frames_of(found).items():
        assert "provenance" not in frame, part
    if isinstance(found, Result):
        assert SIMULATED not in str(found).split("\n")[0]


def test_no_public_function_is_forgotten():
    functions = {n for n in w.__all__ if inspect.isfunction(getattr(w, n))}
    assert functions - {name.split()[0] for name in CALLS} == WITHOUT
    drawn = {n for n in figures.__all__ if n not in {"alt_text", "render", "save"}}
    assert drawn == {name.split()[0] for name in FIGURES}
    files = {"add_table", "save_table"}
    made = {n for n in tables.__all__ if n not in files and not n.startswith("to_")}
    assert made == {name.split()[0] for name in TABLES}


def marks(figure):
    shown = [t for t in figure.findobj(Text) if t.get_text() == f"{SIMULATED} data"]
    return [text for text in shown if text.get_visible()]


@pytest.mark.parametrize("name", FIGURES)
def test_figures_say_simulated_once(name):
    drawn = FIGURES[name](MADE[True])
    figure = drawn.figure
    assert len(marks(figure)) == 1
    assert SIMULATED in figures.alt_text(drawn)
    assert figures.alt_text(drawn).count(f"{SIMULATED} data.") <= 1
    figure.canvas.draw()
    box = marks(figure)[0].get_window_extent()
    assert figure.bbox.containsx(box.x0)
    assert figure.bbox.containsx(box.x1)
    assert figure.bbox.containsy(box.y1)
    plt.close(figure)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("whole", [False, True])
def test_axes_in_a_larger_figure_say_simulated(name, whole):
    figure = plt.figure(figsize=(7, 5))
    place = (0, 0, 1, 1) if whole else (0.3, 0.3, 0.5, 0.5)
    drawn = FIGURES[name](MADE[True], ax=figure.add_axes(place))
    assert is_marked(figure)
    (mark,) = marks(figure)
    figure.canvas.draw()
    box = mark.get_window_extent()
    assert figure.bbox.containsy(box.y0)
    assert figure.bbox.containsy(box.y1)
    assert SIMULATED in figures.alt_text(drawn)
    plt.close(figure)


@pytest.mark.parametrize("name", FIGURES)
def test_figures_of_real_data_do_not(name):
    drawn = FIGURES[name](MADE[False])
    assert not is_marked(drawn.figure)
    assert marks(drawn.figure) == []
    assert SIMULATED not in figures.alt_text(drawn)
    plt.close(drawn.figure)


@pytest.mark.parametrize("name", TABLES)
def test_tables_say_simulated(name):
    assert SIMULATED in tables.to_html(TABLES[name](MADE[True]))
    assert SIMULATED not in tables.to_html(TABLES[name](MADE[False]))


def test_boxes_given_as_a_mapping_may_say_simulated():
    boxes = {"Found": {"studies": 60, "provenance": SIMULATED}, "Kept": {"studies": 3}}
    assert is_marked(figures.flow(boxes).figure)
    plt.close("all")


def test_the_mark_takes_room_of_its_own():
    _, ax = plt.subplots(figsize=(4, 3), layout="constrained")
    describe(ax, "A picture.", of=MADE[True].totals, own=True)
    width, height = ax.figure.get_size_inches()
    assert (width, height) == pytest.approx((4, 3.17))
    assert figures.alt_text(ax) == "SIMULATED data. A picture."
    plt.close(ax.figure)
    figure = plt.figure(figsize=(4, 3))
    ax = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    before = ax.get_window_extent().height
    mark_simulated(figure)
    assert ax.get_window_extent().height == pytest.approx(before)
    plt.close(figure)


def test_a_column_of_words_is_no_item_but_one_of_numbers_is():
    items = MADE[False].items
    plain = w.cronbach_alpha(items)
    said = w.cronbach_alpha(items.assign(provenance=SIMULATED))
    assert (said.estimate, said.n_items) == (plain.estimate, plain.n_items)
    other = w.cronbach_alpha(items.assign(provenance="language model"))
    assert (other.simulated, other.n_items) == (False, plain.n_items)
    numbers = items.rename(columns={"wai12": "provenance"})
    assert w.cronbach_alpha(numbers).n_items == 12


def test_any_row_makes_a_table_simulated():
    table = pd.DataFrame({"x": [1, 2], "provenance": [None, "SIMULATED by someone"]})
    assert is_simulated(table)
    assert not is_simulated(table.head(1))
    assert not is_simulated(object())
    assert marked(table, True) is table
    assert marked(table[["x"]], True)["provenance"].tolist() == [SIMULATED] * 2
    assert not noted(["Ends at the ceiling (SIMULATED five-point items)."])
