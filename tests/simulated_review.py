"""A SIMULATED review: a sheet of 90 studies, a search log, a second coder and texts."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from waistats import generalize, read_coefficients
from waistats.datasets.simulated_studies import simulate_literature
from waistats.rg.texts import KEYS

_NAMES = ("Adler", "Baker", "Castro", "Dubois", "Eriksen", "Fischer", "Huang",
          "Ivanov", "Jansen", "López", "Müller", "Novak", "Okafor")  # fmt: skip
_LANGUAGES = {"USA": "English", "Germany": "German", "Spain": "Spanish"}
_RATES = {"reported_own": 0.55, "induced_precise": 0.15, "induced_vague": 0.1,
          "omitted": 0.2}  # fmt: skip


@dataclass(frozen=True)
class Review:
    """What the authors of a review have."""

    sheet: pd.DataFrame
    screening: pd.DataFrame
    second: pd.DataFrame
    texts: dict[str, str]


@cache
def simulated_review():
    """Return a SIMULATED review of 90 studies; its numbers and words are invented."""
    rng = np.random.default_rng(5)
    sheet = simulate_literature(90, seed=11, rates=_RATES).table.copy()
    k = len(sheet)
    country = rng.choice([*_LANGUAGES], k)
    sheet = sheet.assign(
        authors=[f"{a}, A.; {b}, B." for a, b in rng.choice(_NAMES, (k, 2))],
        title=[f"SIMULATED study {i + 1}" for i in range(k)],
        country=country,
        language=[_LANGUAGES[c] for c in country],
        translation_status=np.where(country == "USA", "original", "translated"),
        administered_as=rng.choice(["standalone", "extracted"], k),
        sample_type=rng.choice(["clinical", "student", "community"], k),
        design=rng.choice(["trial", "observational"], k),
        unidim_checked=rng.choice(["yes", "no"], k),
        per_subscale_reported=rng.choice(["yes", "no"], k),
    )
    own = sheet[sheet["reliability_status"] == "reported_own"]
    sheet = pd.concat([sheet, _more(own, rng)], ignore_index=True)
    second = sheet.sample(40, random_state=1)
    second = second.assign(setting=["school"] * 4 + [*second["setting"].iloc[4:]])
    texts = {key: f"SIMULATED text on {key}." for key in KEYS}
    return Review(sheet, _log(rng), second, texts)


@cache
def simulated_study():
    """Return the study of that review."""
    review = simulated_review()
    return generalize(
        read_coefficients(review.sheet),
        "~ n_items + rater",
        screening=review.screening,
        coders=review.second,
        texts=review.texts,
    )


def _more(own, rng):
    """Return subscales, other kinds of coefficients and second samples of studies."""
    rows = []
    for i, (_, row) in enumerate(own.iterrows()):
        plain = row.to_dict() | {"score_mean": np.nan, "score_sd": np.nan}
        alpha = plain["estimate"]
        made = []
        if i % 2 == 0:
            made += [
                {"scale": scale, "n_items": plain["n_items"] // 3,
                 "estimate": round(min(0.97, alpha - 0.05 + rng.normal(0, 0.03)), 2)}
                for scale in ("task", "bond", "goal")
            ]  # fmt: skip
        if i % 5 == 0:
            made.append({"coefficient_type": "test_retest", "retest_interval_days": 14,
                         "estimate": round(0.8 + rng.normal(0, 0.04), 2)})  # fmt: skip
        if i % 6 == 1:
            made.append({"coefficient_type": "icc", "icc_form": "ICC(3,1)",
                         "n_raters_per_unit": 3,
                         "estimate": round(0.7 + rng.normal(0, 0.05), 2)})  # fmt: skip
        if i % 6 == 2:
            made.append({"coefficient_type": "omega", "se": 0.015, "estimate": alpha})
        if i % 7 == 3:
            made.append({"sample_id": f"{plain['study_id']}_2", "n": plain["n"] + 12})
        for j, changed in enumerate(made):
            name = {"coefficient_id": f"{plain['coefficient_id']}_{j + 2}"}
            rows.append(plain | name | changed)
    return pd.DataFrame(rows)


def _log(rng):
    """Return a search: databases, a register, citations; 90 studies are included."""
    counts = {
        "database": {"duplicate": 210, "automation": 25, "excluded_screening": 620,
                     "not_retrieved": 14, "excluded_full_text": 160, "included": 84},
        "register": {"duplicate": 3, "excluded_screening": 12},
        "citation": {"not_retrieved": 2, "excluded_full_text": 5, "included": 6},
    }  # fmt: skip
    rows = [
        {"source_type": kind, "decision": decision, "provenance": "SIMULATED"}
        for kind, decisions in counts.items()
        for decision, many in decisions.items()
        for _ in range(many)
    ]
    log = pd.DataFrame(rows)
    why = rng.choice(["another form", "no sample of its own"], len(log))
    return log.assign(reason=np.where(log["decision"] == "excluded_full_text", why, ""))
