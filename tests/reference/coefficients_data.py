"""Write the SIMULATED data sets that coefficients.R and the tests read.

Run ``python tests/reference/coefficients_data.py``; the numbers follow from the seeds.
"""

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def ordered(latent, cuts):
    return np.digitize(latent, cuts) + 1


def one_factor(seed, n, loadings):
    rng = np.random.default_rng(seed)
    loadings = np.asarray(loadings)
    unique = rng.normal(size=(n, loadings.size)) * np.sqrt(1 - loadings**2)
    return rng.normal(size=(n, 1)) * loadings + unique


def grouped(seed, n, general, group, groups):
    rng = np.random.default_rng(seed)
    m = sum(groups)
    scores = rng.normal(size=(n, 1 + len(groups)))
    membership = np.repeat(np.arange(len(groups)), groups)
    general, group = np.broadcast_to(general, m), np.broadcast_to(group, m)
    unique = rng.normal(size=(n, m)) * np.sqrt(1 - general**2 - group**2)
    return scores[:, :1] * general + scores[:, 1 + membership] * group + unique


def sessions(seed, persons, times, items, own=0.4):
    rng = np.random.default_rng(seed)
    person = rng.normal(size=(persons, 1, 1)) * 1.0
    time = rng.normal(size=(1, times, 1)) * 0.3
    item = rng.normal(size=(1, 1, items)) * 0.5
    person_time = rng.normal(size=(persons, times, 1)) * 0.6
    person_item = rng.normal(size=(persons, 1, items)) * own
    time_item = rng.normal(size=(1, times, items)) * 0.2
    error = rng.normal(size=(persons, times, items)) * 0.7
    total = person + time + item + person_time + person_item + time_item + error
    return np.round(total, 3)


def main():
    ceiling = ordered(
        one_factor(11, 250, [0.5, 0.6, 0.7, 0.8, 0.7, 0.6]), [-1.6, -1, -0.4, 0.3]
    )
    bifactor = np.round(
        grouped(12, 400, [0.6, 0.7, 0.6, 0.7, 0.5, 0.6, 0.7, 0.6, 0.5], 0.4, [3, 3, 3]),
        3,
    )
    mixed = ordered(one_factor(13, 150, [0.7, 0.8, 0.6, 0.7]), [-1, 0.5, 1.5])
    mixed[:, 1] = np.minimum(mixed[:, 1], 3)
    missing = ordered(
        one_factor(14, 120, [0.6, 0.7, 0.7, 0.6, 0.8]), [-1.2, -0.4, 0.4, 1.2]
    )
    missing = missing.astype(float)
    missing[np.random.default_rng(15).random(missing.shape) < 0.06] = np.nan
    rng = np.random.default_rng(16)
    ratings = np.round(
        rng.normal(size=(20, 1))
        + rng.normal(size=(1, 4)) * 0.4
        + rng.normal(size=(20, 4)) * 0.6,
        2,
    )
    diary = sessions(17, 30, 5, 4)
    kept = np.random.default_rng(18).random(diary.shape[:2]) < 0.75
    data = {
        "provenance": "SIMULATED, numpy default_rng seeds 11-19",
        "ceiling": ceiling.tolist(),
        "bifactor": bifactor.tolist(),
        "mixed": mixed.tolist(),
        "missing": [[None if v != v else v for v in row] for row in missing.tolist()],
        "ratings": ratings.tolist(),
        "diary": diary.tolist(),
        "diary_kept": kept.astype(int).tolist(),
        "levels": sessions(19, 60, 4, 4, own=0.8).tolist(),
    }
    (HERE / "coefficients_data.json").write_text(
        json.dumps(data) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
