"""Time peers of the meta-analytic engine, in an environment of their own.

`engine.py` runs this with the interpreter that WAISTATS_PEERS names, and hands it the
data; it prints a JSON object of seconds, absent peers left out. It does not import
waistats.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np

Times = Iterator[tuple[str, str, Callable[[], object], int]]


def best(call: Callable[[], object], repeats: int) -> float:
    """Return the shortest processor time of several calls, of a second at least.

    Of one call, without warm-up.
    """
    if repeats > 1:
        call()
    times: list[float] = []
    while len(times) < repeats or (repeats > 1 and sum(times) < 1):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def pimeta(data: dict[str, np.ndarray]) -> Times:
    """Yield case, label, call and number of fits for pimeta."""
    import pimeta as pm

    y, v = data["y20"][0], data["v20"][0]
    yield "one", "pimeta", lambda: pm.rma(y, v, method="REML", test="knha"), 30
    y50, v50 = data["y50"][0], data["v50"][0]
    yield "loo", "pimeta", lambda: pm.leave1out(y50, v50, method="REML"), 5
    levels = {"study": data["study"], "row": np.arange(len(data["study"]))}
    yield (
        "multilevel",
        "pimeta",
        lambda: pm.rma_mv(
            data["y_ml"],
            data["v_ml"],
            data=levels,
            random="~ 1 | study/row",
            method="REML",
            test="t",
        ),
        3,
    )
    shifted = y50 + np.log(1 - float(data["threshold"]))

    def selection() -> object:
        fit = pm.rma(shifted, v50, method="ML")
        return pm.selmodel(fit, "stepfun", steps=0.5, alternative="greater")

    if "slow" in sys.argv:  # tens of seconds a call
        yield "selection", "pimeta", selection, 1


def pymare(data: dict[str, np.ndarray]) -> Times:
    """Yield the same for PyMARE, whose estimators take columns of data sets."""
    from pymare.estimators import DerSimonianLaird, VarianceBasedLikelihoodEstimator

    def fit(estimator: object, y: np.ndarray, v: np.ndarray) -> object:
        ones = np.ones((y.shape[1], 1))
        return estimator.fit(y.T, v.T, ones).summary().get_fe_stats()

    y, v = data["y20"][:1], data["v20"][:1]
    likelihood = lambda: VarianceBasedLikelihoodEstimator(method="REML")  # noqa: E731
    yield "one", "PyMARE", lambda: fit(likelihood(), y, v), 30
    for k in (20, 50):
        y, v = data[f"y{k}"], data[f"v{k}"]
        yield (
            f"many{k}",
            "PyMARE, REML, vectorised",
            lambda y=y, v=v: fit(likelihood(), y, v),
            5,
        )
        yield (
            f"many{k}dl",
            "PyMARE, DL, vectorised",
            lambda y=y, v=v: fit(DerSimonianLaird(), y, v),
            20,
        )


def pymetaanalysis(data: dict[str, np.ndarray]) -> Times:
    """Yield the same for PyMetaAnalysis."""
    import meta_analyze as ma

    def fit(y: np.ndarray, v: np.ndarray) -> object:
        return ma.meta_analysis(effect=y, variance=v, tau2_method="REML")

    y, v = data["y20"][0], data["v20"][0]
    yield "one", "PyMetaAnalysis", lambda: fit(y, v), 30
    whole = fit(data["y50"][0], data["v50"][0])
    yield "loo", "PyMetaAnalysis", whole.leave_one_out, 5


def statsmodels(data: dict[str, np.ndarray]) -> Times:
    """Yield the same for statsmodels, which has Paule-Mandel but no REML."""
    from statsmodels.stats.meta_analysis import combine_effects

    y, v = data["y20"][0], data["v20"][0]
    yield (
        "one_pm",
        "statsmodels, Paule-Mandel",
        lambda: combine_effects(y, v, method_re="iterated").summary_frame(),
        30,
    )


def main() -> None:
    """Read data from the file named and print the times."""
    warnings.simplefilter("ignore")
    with np.load(sys.argv[1]) as stored:
        data = dict(stored)
    found: dict[str, dict[str, float]] = {}
    for peer in (pimeta, pymare, pymetaanalysis, statsmodels):
        try:
            for case, label, call, repeats in peer(data):
                found.setdefault(case, {})[label] = best(call, repeats)
        except ImportError:
            print(f"{peer.__name__} is not installed", file=sys.stderr)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
