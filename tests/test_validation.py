"""The numbers of docs/validation.md, computed again."""

import importlib
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parents[1] / "docs"
# the loosest reference of each function; the page shows the differences themselves
LIMITS = {
    "cronbach_alpha(missing='em')": 1e-6,  # lavaan's optimiser
    "omega_total": 2e-7,  # lavaan's optimiser
    "omega_hierarchical": 1e-7,
    "ordinal_alpha": 1e-5,
    "ordinal_omega": 2e-5,
    "threshold_selection": 1e-5,  # metafor's optimiser
    "fit_location_scale (scale part)": 1e-6,
    "robust (CR2)": 1e-6,
    "spread_analysis": 1e-5,  # metafor's optimiser stops early
}
FITS = 1e-7


@pytest.fixture(scope="module")
def modules():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        names = ("validation_cases", "validation_published", "validation")
        yield [importlib.import_module(name) for name in names]


@pytest.mark.parametrize(
    "part",
    [
        "alpha",
        "coefficients",
        "multilevel",
        "other_models",
        "sensitivity",
        "practice",
    ],
)
def test_references_agree(modules, part):
    cases = modules[0]
    rows = list(getattr(cases, part)())
    assert len(rows) > 15
    wrong = [
        (row.function, row.data, row.quantity, gap)
        for row in rows
        if (gap := cases.difference(row)[0]) > LIMITS.get(row.function, FITS)
    ]
    assert wrong == []


@pytest.mark.slow
def test_every_fit_agrees(modules):
    cases = modules[0]
    compared = [(row, *cases.difference(row)) for row in cases.models()]
    assert sum(count for *_, count in compared) > 4000
    assert [row for row, gap, _ in compared if gap > FITS] == []


def test_published_numbers_agree_to_their_last_digit(modules):
    rows = modules[1].published()
    assert len(rows) >= 40
    assert [row for row in rows if not modules[1].agrees(row)] == []


def test_a_wrong_number_is_seen(modules):
    cases, papers, _ = modules
    row = cases.Row("f", "d", "q", [1.0, 2.0], [1.0, 2.1])
    assert cases.difference(row) == (pytest.approx(0.1 / 2.1), 2)
    missing = cases.Row("f", "d", "q", [np.nan], [1.0])
    assert cases.difference(missing)[0] > 1e300
    assert cases.difference(cases.Row("f", "d", "q", [1.0], ["NA"])) == (0.0, 0)
    assert papers.agrees(papers.Published("s", "p", "q", ".12", 0.1249))
    assert not papers.agrees(papers.Published("s", "p", "q", ".12", 0.1251))


def test_the_page_is_what_its_script_writes(modules):
    page = (DOCS / "validation.md").read_text(encoding="utf-8")
    papers = modules[1].published()
    assert f"{len(papers)} of {len(papers)} printed numbers agree" in page
    assert modules[2].published_tables() in page
