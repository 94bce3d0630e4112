"""A script as a user writes one: `test_user_script.py` has pyright read it in strict mode.

What pandas itself leaves untyped (such as ``iloc``) is not in it.
"""

import waistats as ws


def pooled_alpha(path: str) -> float:
    table = ws.read_coefficients(path, columns={"alpha": "estimate"})
    effects = ws.effect_sizes(table, measure="bonett")
    fit = ws.fit_meta(effects, "~ rater", method="REML")
    print(fit, fit.tau2, fit.I2, fit.Q_p, fit.predict({"rater": ["client"]}))
    estimate: float = fit.tau2
    return estimate


def three_levels() -> ws.MultilevelResult:
    effects = ws.effect_sizes(ws.load_dataset("mibs"))
    fit = ws.fit_multilevel(effects, levels=("study_id", "coefficient_id"))
    robust = fit.robust()
    print(robust, robust.to_frame())
    return fit


def from_answers() -> ws.ReliabilityEstimate:
    answers = ws.simulate_responses("WAI-SR", studies=2, n=50, reliability=0.9, seed=1)
    items = ws.read_responses("items.csv")
    alphas = ws.reliability_by_study(
        answers, study="study_id", instrument=ws.get_instrument("WAI-SR")
    )
    study = ws.generalize(alphas, title="SIMULATED answers")
    axes = ws.figures.forest(study.overall)
    ws.figures.save(axes, "forest.svg")
    study.report("report.html")
    print(study.sentence(), ws.tables.pooled(study))
    estimate = ws.cronbach_alpha(items, ci="feldt", missing="listwise")
    low, high = estimate.ci_low, estimate.ci_high
    print(low + high, estimate.n)
    return estimate


def planning() -> int:
    study = ws.generalize(ws.load_dataset("wai"))
    predicted = ws.predict_reliability(study, rater="client", n=[50, 100])
    print(predicted.to_frame())
    return ws.sample_size_for_alpha(0.9, n_items=12, width=0.05)
