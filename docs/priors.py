"""Write docs/priors.md, so that no number in it is typed by hand.

Question: how much does the prior of tau decide?
Reads:    the coefficient tables that come with waistats.
Writes:   docs/priors.md
"""

from pathlib import Path

import pandas as pd

from waistats._format import coefficient, fixed, interval
from waistats.datasets.bundled import load_dataset
from waistats.measures import effect_sizes
from waistats.meta.bayes import BayesResult, fit_bayes
from waistats.meta.fit import fit_meta

TARGET = Path(__file__).with_name("priors.md")


def markdown(frame: pd.DataFrame) -> str:
    """Return a frame of texts as a table."""
    lines = [list(frame.columns), ["---"] * frame.shape[1], *frame.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def prior_on_alpha(fit: BayesResult) -> str:
    """Return what the prior says of populations around a mean of .90."""
    frame = fit.prior_predictive(0.90)
    ends = zip(frame.pi_low, frame.pi_high, strict=True)
    return markdown(
        pd.DataFrame(
            {
                "P(tau below)": [coefficient(p, 2) for p in frame.probability],
                "tau": [coefficient(t) for t in frame.tau],
                "95% of populations": [interval(low, high) for low, high in ends],
            }
        )
    )


def under_each_prior(fit: BayesResult) -> str:
    """Return the posterior under five priors."""
    frame = fit.sensitivity()
    return markdown(
        pd.DataFrame(
            {
                "prior of tau": [
                    f"{row.prior} {row.prior_scale:g}" for row in frame.itertuples()
                ],
                "tau": [
                    f"{coefficient(r.tau)} {interval(r.tau_ci_low, r.tau_ci_high)}"
                    for r in frame.itertuples()
                ],
                "alpha": [
                    f"{coefficient(r.estimate)} {interval(r.ci_low, r.ci_high)}"
                    for r in frame.itertuples()
                ],
                "new population": [
                    interval(r.pi_low, r.pi_high) for r in frame.itertuples()
                ],
                "Bayes factor": [f"{r.bayes_factor:.3g}" for r in frame.itertuples()],
            }
        )
    )


def reml(effects: pd.DataFrame) -> str:
    """Return the same from a model without a prior."""
    fit = fit_meta(effects)
    return (
        f"REML with Knapp and Hartung's interval: tau {fixed(fit.tau, 3)}, "
        f"alpha {fit.alpha_sentence()}."
    )


def page() -> str:
    """Return the page."""
    cesd = effect_sizes(load_dataset("cesd"))
    sets = {
        "Nine studies: the CES-D": cesd,
        "Its first three studies": cesd.head(3),
        "Ten coefficients of the WAI": effect_sizes(load_dataset("wai")),
    }
    parts = [
        "# How much the prior of tau decides",
        "`fit_bayes` needs a prior of tau, the standard deviation of true "
        "reliabilities on the scale of the model. With many studies it does not "
        "matter; with few it does, and the data cannot replace it. This page "
        "shows both. `docs/priors.py` writes it.",
        "## The default before any data",
        "Half-normal(0.5) on the Bonett scale, around a mean alpha of .90:",
        prior_on_alpha(fit_bayes(cesd)),
        "A row reads: with this probability tau is below the value in the second "
        "column, and with exactly that tau 95% of populations have an alpha in the "
        "interval of the third.",
    ]
    for title, effects in sets.items():
        parts += [f"## {title}", under_each_prior(fit_bayes(effects)), reml(effects)]
    parts += [
        "Dependence of coefficients of one study is ignored here, as `fit_bayes` does.",
        "## What to do with it",
        "Report the prior, and the results under half and twice its scale, which a "
        "printed `BayesResult` shows. Where they disagree on a conclusion, the data "
        "do not decide it. A uniform prior is not a neutral choice with few studies: "
        "its mass lies on large tau, and its upper end decides.",
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
    print(f"wrote {TARGET.name}")
