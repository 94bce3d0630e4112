"""The rule of codes, and the evidence that a file is reverse-scored."""

import numpy as np
import pandas as pd
import pytest

from waistats import DataError
from waistats.instruments._codes import (
    customary_codes,
    label_range,
    labelled_missing,
    means_missing,
)
from waistats.instruments._gate import gate_options
from waistats.instruments._key_decision import decide_key, key_plan
from waistats.instruments._key_evidence import key_sums
from waistats.instruments.forms import define_instrument
from waistats.instruments.keys import audit_keys
from waistats.io._where import read_where, rows_where


@pytest.mark.parametrize(
    ("answers", "declared", "codes"),
    [
        ([1, 2, 3, 4, 5, 99, -9], None, (-9, 99)),
        ([1, 2, 3, 4, 5, 9], None, (9,)),
        ([1, 3, 5, 7, 9], None, (9,)),
        ([1, 3, 5, 7, 8, 9], None, ()),
        ([1, 2, 3, 4, 5, -1], None, ()),
        ([0, 1, 9], None, (9,)),
        ([1.5, 2, 3, 99], None, ()),
        (range(101), None, ()),
        ([*range(13), 99], None, ()),
        ([1, 2, 3, 6, 99, -1], (1, 5), (-1, 99)),
        ([1, 2, 9], (1, 9), ()),
        ([], None, ()),
    ],
)
def test_the_rule_of_codes(answers, declared, codes):
    assert customary_codes(list(answers), declared) == codes


def test_value_labels():
    assert label_range([{1: "Never", 7: "Always", 99: "no answer"}]) == (1, 7)
    assert label_range([{99: "refused"}]) is None
    # in the middle of a scale it is an answer
    middle = {1: "Disagree", 2: "Don't know", 3: "Agree", 9: "Refused"}
    assert labelled_missing(middle) == {9.0: "Refused"}
    assert not means_missing("Not at all")


FORM = define_instrument(
    "X",
    n_items=15,
    response_min=1,
    response_max=7,
    subscales={"a": range(1, 6), "b": range(6, 11), "c": range(11, 16)},
    reverse=[3, 8, 13],
)
REVERSED = [2, 7, 12]


def unrelated(rng: np.random.Generator, n: int) -> np.ndarray:
    """SIMULATED answers to three unrelated subscales, reverse-scored."""
    factors = np.repeat(rng.normal(size=(n, 3)), 5, axis=1)
    return np.clip(np.round(4 + factors + rng.normal(size=(n, 15))), 1, 7)


def test_unrelated_subscales_have_no_false_suspects():
    rng = np.random.default_rng(5)
    columns = [f"q{i}" for i in range(1, 16)]
    for _ in range(40):
        keyed = unrelated(rng, 150)
        audit = audit_keys(pd.DataFrame(keyed, columns=columns), FORM)
        assert not audit["suspect"].any()
        raw = keyed.copy()
        raw[:, REVERSED] = 8 - raw[:, REVERSED]
        audit = audit_keys(pd.DataFrame(raw, columns=columns), FORM)
        assert audit.loc[audit["suspect"], "item"].tolist() == ["q3", "q8", "q13"]


@pytest.mark.parametrize("n", [20, 60])
def test_the_state_of_the_key_is_never_mistaken(n):
    """80 SIMULATED studies, half of them raw: right or weak, and mostly right."""
    rng = np.random.default_rng(n)
    plan = key_plan(FORM, [f"q{i}" for i in range(1, 16)])
    values = [unrelated(rng, n) for _ in range(80)]
    for part in values[::2]:
        part[:, REVERSED] = 8 - part[:, REVERSED]
    codes = np.repeat(np.arange(80), n)
    sums = key_sums(np.vstack(values), codes, 80, plan.layout)
    names = [f"S{i}" for i in range(80)]
    found = decide_key(sums, plan, np.arange(80), names, None)
    turned = found.turned.any(axis=1)
    kinds = {finding.finding: finding.n for finding in found.findings}
    open_ones = kinds.get("key_unclear", 0) + kinds.get("key_conflict", 0)
    wrong = int((turned[::2] == 0).sum() + turned[1::2].sum())
    assert wrong <= open_ones
    assert open_ones <= (16 if n == 20 else 0)


def test_options_are_checked():
    with pytest.raises(ValueError, match="takes numbers"):
        gate_options(missing_codes="99")
    with pytest.raises(ValueError, match="lowest and the highest"):
        gate_options(response_range=(5, 1))
    with pytest.raises(ValueError, match="negative_alpha"):
        gate_options(accept="negativ_alpha")


def test_conditions_of_rows():
    data = pd.DataFrame(
        {"filter_$": [1.0, 0, 1, np.nan], "site": ["A", "B", "pilot", ""]}
    )
    for text, rows in [
        ("filter_$ == 1", [0, 2]),
        ("filter_$ = 1 and site != 'pilot'", [0]),
        ("not (filter_$ == 1)", [1]),
        ("site is missing or filter_$ < 1", [1, 3]),
        ("site in (A, B)", [0, 1]),
        ("`site` not in ('A')", [1, 2]),
    ]:
        chosen = rows_where(data, read_where(text))
        assert np.flatnonzero(chosen).tolist() == rows, text
    for text in ("", "site ==", "a + b == 1", "__import__('os')", "site > 1"):
        with pytest.raises(DataError, match="where="):
            rows_where(data, read_where(text))
