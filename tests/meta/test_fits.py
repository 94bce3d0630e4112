"""Fits by their input: each made once, for a model and for a whole report."""

import hashlib
import importlib
import itertools
import pickle
import sys
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import waistats as ws
from waistats.meta._fits import Fits


def test_the_same_input_is_made_once():
    fits, made = Fits(), []

    def make():
        made.append(1)
        return len(made)

    y = np.array([1.0, 2.0])
    V = sparse.csr_array(np.diag([1.0, 2.0]))
    for _ in range(2):
        assert fits.once("a", (y, V, ("x", 1), None), make) == 1
    others = [
        ("b", (y, V, ("x", 1), None)),
        ("a", (y + 1e-12, V, ("x", 1), None)),
        ("a", (y[:, None], V, ("x", 1), None)),
        ("a", (y, 2 * V, ("x", 1), None)),
        ("a", (y, V, ("x", 2), None)),
        ("a", (y, V, ("x", 1), y)),
    ]
    assert [fits.once(*other, make) for other in others] == [2, 3, 4, 5, 6, 7]
    # another process fits for itself, so that a result is not sent with all others
    assert pickle.loads(pickle.dumps(fits))._known == {}


def test_an_error_is_not_kept():
    fits = Fits()
    with pytest.raises(ZeroDivisionError):
        fits.once("a", (), lambda: 1 / 0)
    assert fits.once("a", (), lambda: 5) == 5


@pytest.mark.parametrize("small_sample", ["wald", "knapp-hartung"])
@pytest.mark.parametrize("weights", [None, "equal"])
def test_what_is_kept_gives_the_same_fit(small_sample, weights):
    from waistats.meta.fit import fit_effects

    effects = ws.effect_sizes(ws.load_dataset("cesd"))
    fits = Fits()
    fit_effects(effects, fits=fits)
    options = {"small_sample": small_sample, "weights": weights}
    alone = ws.fit_meta(effects, **options)
    kept = fit_effects(effects, fits=fits, **options)
    assert kept.estimate == alone.estimate
    assert kept.se == alone.se
    assert kept.df == alone.df
    assert kept.tau2 == alone.tau2
    assert str(kept) == str(alone)


def digest(value):
    """Return what tells one input from another, names and tables aside."""
    if isinstance(value, pd.DataFrame):
        return value.to_csv()
    if sparse.issparse(value):
        return digest(value.toarray())
    if isinstance(value, np.ndarray):
        return value.shape, hashlib.sha256(np.ascontiguousarray(value)).hexdigest()
    if isinstance(value, (list, tuple)):
        return tuple(map(digest, value))
    return str(value)


def batches_of(problem):
    """Return the numbers of a multilevel problem."""
    fields = [
        digest(getattr(batch, name))
        for batch in problem.batches
        for name in batch.__dataclass_fields__
        if isinstance(getattr(batch, name), np.ndarray)
    ]
    return tuple(fields), problem.restricted, problem.unit


@pytest.fixture
def counted(monkeypatch):
    """Count by their input searches, intervals, bootstraps, and tables of effects."""
    found = Counter()

    def count(module, name, key):
        real = getattr(importlib.import_module(module), name)

        def counting(*given, **options):
            found[(name, key(given), str(sorted(options.items())))] += 1
            return real(*given, **options)

        for loaded in list(sys.modules.values()):
            if getattr(loaded, "__name__", "").startswith("waistats"):
                for own, value in list(vars(loaded).items()):
                    if value is real:
                        monkeypatch.setattr(loaded, own, counting)

    importlib.import_module("waistats.report.folder")
    count("waistats.meta.fit_many", "fit_batch", digest)
    count(
        "waistats.meta.multilevel._likelihood",
        "maximise",
        lambda given: batches_of(given[0]),
    )
    count("waistats.measures._table", "effect_sizes", digest)
    count("waistats.meta._heterogeneity", "profile_Q", digest)
    count("waistats.meta._prediction", "predictive", digest)
    for kind in ("_single", "_several"):
        count("waistats.sensitivity._power", kind, literature)
    count("waistats.meta.bivariate", "maximise", lambda given: pickle.dumps(given))
    return found


_FIRST = itertools.count()


def literature(given):
    """Return what tells one simulated literature from another."""
    model, cut, runs, _ = given
    # checks at two cuts begin with one draw of all that is reported: no work to speak of
    at = cut if np.isfinite(cut) else next(_FIRST)
    return digest((model.effects.vi, model.design.X, model.beta, model.tau2, at, runs))


def dependent(k=12):
    """Return a SIMULATED table of studies with several coefficients."""
    rng = np.random.default_rng(4)
    rows = [
        {
            "study_id": f"Study {i}",
            "rater": rater,
            "scale": "total",
            "estimate": round(float(rng.uniform(0.75, 0.95)), 3),
            "n": int(rng.integers(30, 200)),
            "n_items": int(rng.choice([12, 36])),
            "year": int(rng.integers(1995, 2025)),
            "provenance": "SIMULATED",
        }
        for i in range(k)
        for rater in ("client", "therapist")[: 1 + i % 2]
    ]
    return pd.DataFrame(rows)


def tables(name):
    """Return a table and the moderators of its study."""
    if name == "dependent":
        return dependent(), "~ rater"
    if name == "review":
        table = ws.simulate_literature(90, seed=2).table
        return table, "~ rater + mean_age"
    return ws.load_dataset(name), None


@pytest.mark.parametrize("name", ["cesd", "dependent", "wai", "review"])
def test_a_report_fits_nothing_twice(name, counted, tmp_path):
    from waistats.report.folder import write_study

    rows, moderators = tables(name)
    study = ws.generalize(rows, moderators, missing_moderators="drop")
    write_study(study, tmp_path, "call", short=True)
    kinds = Counter(key[0] for key in counted)
    assert kinds["fit_batch"] > 40
    assert kinds["effect_sizes"] >= 4
    several = name in {"dependent", "wai"}
    assert kinds["predictive"] > 10
    assert (kinds["profile_Q"] > 0) != several
    assert kinds["_several" if several else "_single"] > 0
    assert (kinds["maximise"] > 40) == several
    twice = Counter(key[0] for key, n in counted.items() if n > 1)
    assert not twice
