"""Results stay as they are, whatever is done to what they hand out or were given."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import waistats as ws
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
    elif isinstance(value, pd.DataFrame):
        value["new"] = 1
        for column in value.select_dtypes("number"):
            value.loc[:, column] = 0
        value.attrs["new"] = 1
        for column in list(value):
            del value[column]
    elif isinstance(value, pd.Series):
        value.iloc[:] = value.to_numpy()[::-1]
    elif isinstance(value, list):
        value.clear()
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
