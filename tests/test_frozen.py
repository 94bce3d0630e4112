"""Results stay as they are, whatever is done to what they hand out or were given."""

import copy
import dataclasses
import importlib
import pickle
import pkgutil
from functools import cache

import numpy as np
import pandas as pd
import pytest
from test_provenance import CALLS, Made

import waistats as ws
from waistats._format import Result
from waistats._frozen import Frozen


def items(n=60, k=6, seed=1):
    rng = np.random.default_rng(seed)
    trait = rng.normal(size=(n, 1))
    answers = np.clip(np.round(3 + trait + rng.normal(size=(n, k))), 1, 5)
    return pd.DataFrame(answers, columns=[f"i{j}" for j in range(1, k + 1)])


def effects():
    return ws.effect_sizes(ws.load_dataset("cesd"))


def dependent():
    return ws.effect_sizes(ws.load_dataset("mibs"))


def totals():
    answers = ws.simulate_responses("WAI-SR", studies=6, n=40, seed=1)
    table = ws.reliability_by_study(answers, study="study_id", instrument="WAI-SR")
    return table[table["scale"] == "total"].reset_index(drop=True)


# what a case gives: the result, and the frames that it was made of
def from_items(make):
    def case():
        frame = items()
        return make(frame), [frame]

    return case


def from_effects(make, table=effects):
    def case():
        frame = table()
        return make(frame), [frame]

    return case


CASES = {
    "alpha": from_items(ws.cronbach_alpha),
    "omega": from_items(ws.omega_total),
    "split half": from_items(ws.split_half),
    "covariance": from_items(
        lambda x: ws.alpha_covariance({"a": x.iloc[:, :3], "b": x.iloc[:, 3:]})
    ),
    "meta": from_effects(ws.fit_meta),
    "moderator": from_effects(lambda e: ws.fit_meta(e, "~ n")),
    "multilevel": from_effects(ws.fit_multilevel, dependent),
    "robust": from_effects(lambda e: ws.fit_multilevel(e).robust(), dependent),
    "varying": from_effects(ws.fit_varying_coefficient),
    "bayes": from_effects(ws.fit_bayes),
    "location-scale": from_effects(
        lambda e: ws.fit_location_scale(e, scale="~ n"), dependent
    ),
    "permutation": from_effects(lambda e: ws.permutation_test(e, "~ n", seed=1)),
    "subgroups": from_effects(lambda e: ws.fit_subgroups(e, by="pubtype"), dependent),
    "egger": from_effects(lambda e: ws.egger_test(ws.fit_meta(e))),
    "rank": from_effects(lambda e: ws.rank_test(ws.fit_meta(e))),
    "trim and fill": from_effects(lambda e: ws.trim_and_fill(ws.fit_meta(e))),
    "pet-peese": from_effects(lambda e: ws.pet_peese(ws.fit_meta(e))),
    "gosh": from_effects(lambda e: ws.gosh(ws.fit_meta(e))),
    "multiverse": from_effects(ws.multiverse),
    "study": from_effects(ws.generalize, lambda: ws.load_dataset("cesd")),
    "spread": from_effects(ws.spread_analysis, totals),
    "prediction": from_effects(lambda e: ws.predict_reliability(ws.fit_meta(e))),
    "test": from_effects(lambda e: ws.fit_meta(e, "~ n").omnibus),
    "simulated study": lambda: (ws.simulate_hanson_study(seed=1), []),
    "form": lambda: (ws.get_instrument("WAI-SR"), []),
}


def text(result):
    """Return everything that a result shows."""
    parts = [str(result)]
    parts.append(result.to_frame().to_csv())
    return "\n".join(parts)


def spoil(value):
    """Change a value as far as it lets itself be changed."""
    if isinstance(value, np.ndarray):
        if value.size:
            with pytest.raises(ValueError, match="read-only"):
                value[...] = value.flat[0]
        with pytest.raises(ValueError, match="WRITEABLE"):
            value.flags.writeable = True
    elif isinstance(value, pd.DataFrame):
        value["new"] = 1
        for column in value.select_dtypes("number"):
            value.loc[:, column] = 0
        for kept in value.attrs.values():
            spoil(kept)
        value.attrs["new"] = 1
        for column in list(value):
            del value[column]
    elif isinstance(value, pd.Series):
        value.iloc[:] = value.to_numpy()[::-1]
    elif isinstance(value, list):
        value.clear()
    elif isinstance(value, tuple):
        for part in value:
            spoil(part)
    elif type(value).__module__.startswith("scipy.sparse"):
        with pytest.raises(ValueError, match="read-only"):
            value.data[:] = 0
    elif isinstance(value, Frozen) and not isinstance(value, Result):
        for field in dataclasses.fields(value):
            spoil(getattr(value, field.name))
    elif hasattr(value, "keys"):
        for part in value.values():
            spoil(part)
        with pytest.raises((TypeError, AttributeError)):
            value["new"] = 1


@pytest.mark.parametrize("name", CASES)
def test_nothing_changes_a_result(name):
    result, given = CASES[name]()
    before = text(result)
    assert isinstance(result, Frozen)
    for field in dataclasses.fields(result):
        with pytest.raises((dataclasses.FrozenInstanceError, AttributeError)):
            setattr(result, field.name, None)
    for attribute in dir(type(result)):
        if attribute.startswith("_"):
            continue
        try:
            value = getattr(result, attribute)
        except ws.ModelError:  # a mean, where there are moderators
            continue
        if not callable(value):
            spoil(value)
    for frame in given:
        for column in frame.select_dtypes("number"):
            frame[column] = 0
        frame.attrs.clear()
    assert text(result) == before


@pytest.mark.parametrize("name", CASES)
def test_a_frame_of_a_result_is_the_callers(name):
    result, _ = CASES[name]()
    frame = result.to_frame()
    before = frame.to_csv()
    spoil(frame)
    assert result.to_frame().to_csv() == before


# results that are made otherwise than by one call with SIMULATED data
FURTHER = {
    "SimulatedStudy": lambda: ws.simulate_hanson_study(seed=1),
    "SimulatedLiterature": lambda: ws.simulate_literature(8, seed=1),
    "Instrument": lambda: ws.get_instrument("WAI-SR"),
    "InstrumentMatch": lambda: ws.identify_instrument(n_items=12),
    "MetaBatch": lambda: ws.fit_meta_many([1.0, 2.0, 2.5], [0.1, 0.1, 0.2]),
    "Disattenuated": lambda: ws.disattenuate(0.3, 0.8),
    "CoderAgreement": lambda: ws.compare_coders(
        ws.load_dataset("cesd"), ws.load_dataset("cesd")
    ),
    "LimitsOfAgreement": lambda: ws.limits_of_agreement(
        np.arange(20.0), np.arange(20.0) + np.tile([0.5, -0.5], 10)
    ),
    "ModelFit": lambda: ws.omega_from_model(items(200), ci=None).fit,
    "AuthorTexts": lambda: ws.read_texts({"question": "Which?"}),
}
# a run of a project and what it changed lie in files
OF_FILES = {"Changes", "Project", "ProjectRun"}
KINDS_OF_RESULTS = {"Result", "FittedModel", "OfEffects"}


@cache
def every_result():
    """Every result that a public function gives, by what makes it."""
    made = Made(simulated=True)
    found = {name: make() for name, make in FURTHER.items()}
    found |= {name: make(made) for name, make in CALLS.items()}
    return {name: one for name, one in found.items() if isinstance(one, Frozen)}


def subclasses(kind):
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


@pytest.mark.slow
def test_every_kind_of_result_is_tried():
    for module in pkgutil.walk_packages(ws.__path__, "waistats."):
        importlib.import_module(module.name)
    kinds = {kind.__name__ for kind in subclasses(Result)}
    tried = {type(one).__name__ for one in every_result().values()}
    assert kinds - tried - OF_FILES - KINDS_OF_RESULTS == set()
    assert kinds | {"Result", "Project"} >= OF_FILES | KINDS_OF_RESULTS


def spoil_everything(result):
    for field in dataclasses.fields(result):
        with pytest.raises((dataclasses.FrozenInstanceError, AttributeError)):
            setattr(result, field.name, None)
    for attribute in dir(type(result)):
        if not attribute.startswith("_"):
            try:
                value = getattr(result, attribute)
            except (ws.ModelError, ws.DataError):
                continue
            if not callable(value):
                spoil(value)


@pytest.mark.slow
def test_nothing_changes_any_result():
    for name, result in every_result().items():
        before = text(result)
        spoil_everything(result)
        assert text(result) == before, name


@pytest.mark.slow
@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, lambda result: pickle.loads(pickle.dumps(result))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_says_the_same_and_stays_as_it_is(again):
    for name, result in every_result().items():
        before = text(result)
        made = again(result)
        assert text(made) == before, name
        spoil_everything(made)
        assert text(made) == text(result) == before, name
