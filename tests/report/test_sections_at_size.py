"""Reports of very many coefficients: bounded, readable, and they say what was left."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from waistats import figures, generalize
from waistats.report.folder import study_tables
from waistats.report.render_html import study_page
from waistats.rg import _part


def simulated(studies: int, each: int = 1) -> pd.DataFrame:
    """Return SIMULATED coefficients, some a study."""
    rng = np.random.default_rng(12)
    k = studies * each
    true = 1.8 + 0.3 * rng.normal(size=studies).repeat(each)
    return pd.DataFrame(
        {
            "study_id": np.char.add("S", np.arange(studies).repeat(each).astype(str)),
            "instrument": "WAI-SR",
            "scale": "total",
            "coefficient_type": "alpha",
            "estimate": (1 - np.exp(-true - 0.1 * rng.normal(size=k))).round(3),
            "n": rng.integers(40, 300, k),
            "n_items": 12,
            "provenance": "SIMULATED",
        }
    )


@pytest.fixture
def small_bounds(monkeypatch):
    """Bounds so small that a study of 60 coefficients is a large one."""
    monkeypatch.setattr(_part, "LARGE", 50)
    monkeypatch.setattr(_part, "PART", 30)
    monkeypatch.setattr("waistats.report.sources.ROWS", 20)
    monkeypatch.setattr("waistats.report.discussion.ROWS", 20)


@pytest.mark.parametrize("each", [1, 2])
def test_a_part_is_whole_studies_and_always_the_same(small_bounds, each):
    table = simulated(120 // each, each)
    study = generalize(table)
    part = study.part
    assert 20 < len(part.effects) <= 30
    sizes = part.effects["study_id"].value_counts()
    assert set(sizes) == {each}
    pd.testing.assert_frame_equal(part.effects, generalize(table).part.effects)
    kept = table[table["study_id"].isin(sizes.index)]
    again = generalize(kept)
    assert part.overall.beta == pytest.approx(again.overall.beta, abs=1e-9)
    assert part.summary()["k"][0] == len(part.effects)


def test_a_study_that_is_not_large_is_its_own_part():
    study = generalize(simulated(40))
    assert study.part.effects.equals(study.effects)
    assert study.part.summary().equals(study.summary())


def test_a_page_of_many_says_what_it_left_out(small_bounds):
    study = generalize(simulated(60))
    page = study_page(study)
    assert "no study was left out in turn" in page
    assert "30 coefficients of 30 studies drawn at random" in page
    assert "The first 20 of 60 studies" in page
    assert "The First 20 of 60 Rows" in page
    assert "Influence of Each Coefficient" not in page
    tables = study_tables(study)
    assert "leave_one_out" not in tables
    assert len(tables["effects"]) == 60
    short = study_page(study, short=True)
    assert "no study was left out in turn" in short
    assert "drawn at random" in short


def test_a_caterpillar_of_many_draws_means_of_bins():
    fit = generalize(simulated(1_500)).overall
    axes = figures.caterpillar(fit)
    points = axes.collections[1].get_offsets()
    assert len(points) == 250
    y = np.sort(fit.effects.yi)
    assert points[0, 0] == pytest.approx(y[:6].mean())
    assert points[-1, 0] == pytest.approx(y[-6:].mean())
    assert "mean of about 6" in axes.get_ylabel()


# ru_maxrss of a child starts at the peak of the process that started it, so under pytest it
# tells of pytest's worker; Linux keeps the child's own peak in VmHWM (kB).
CHILD = """
import re, resource, sys
from pathlib import Path
import pandas as pd
from waistats import generalize
study = generalize(pd.read_parquet(sys.argv[1]))
study.report(sys.argv[2])
status = Path("/proc/self/status")
peak = (
    int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1])
    if status.exists()
    else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
)
print(peak / 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is told otherwise")
def test_a_large_report_takes_bounded_memory_and_room(tmp_path):
    """2,100 coefficients; a report of 400 already takes 300 MB, libraries included."""
    simulated(2_100).to_parquet(tmp_path / "t.parquet")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, tmp_path / "t.parquet", tmp_path / "r.html"],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    assert float(done.stdout) < 900
    assert (tmp_path / "r.html").stat().st_size < 8_000_000
