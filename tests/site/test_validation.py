"""The numbers of docs/validation.md, computed again."""

import importlib
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs"
# the loosest reference of each function; the page shows the differences themselves
LIMITS = {
    "cronbach_alpha(missing='em')": 1e-6,  # lavaan's optimiser
    "omega_total": 2e-7,  # lavaan's optimiser
    "omega_hierarchical": 1e-7,
    "omega_hierarchical (known groups)": 1e-6,  # lavaan's optimiser
    "polychoric correlations (psych)": 1e-4,  # psych's line search
    "multilevel_reliability (nested)": 1e-6,  # psych's optimiser
    "influence in three levels": 1e-6,  # metafor's optimiser
    "two levels": 1e-5,  # lavaan's optimiser
    "intraclass_correlation(missing='reml')": 1e-5,  # lme4's optimiser
    "omega_from_model": 1e-6,  # lavaan's optimiser
    "tau_equivalence": 1e-6,
    "omega_categorical": 1e-6,
    "greatest_lower_bound": 1e-6,  # CSDP's tolerance
    "ordinal_alpha": 1e-5,
    "ordinal_omega": 2e-5,
    "threshold_selection": 1e-5,  # metafor's optimiser
    "fit_location_scale (scale part)": 1e-6,
    "robust (CR2)": 1e-6,
    "fit_multivariate": 1e-4,  # rma.mv stops short of the maximum in variances
    "fit_multivariate (fit)": 1e-6,
    "fit_multivariate (CR2)": 1e-4,
    "fit_multivariate (upper profile limits)": 1e-4,  # rma.mv's search
    "spread_analysis": 1e-5,  # metafor's optimiser stops early
}
FITS = 1e-7


@pytest.fixture(scope="module")
def modules():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        names = ("cases", "published", "synthesis")
        pages = [importlib.import_module(f"validation_{name}") for name in names]
        yield [*pages, importlib.import_module("validation")]


@pytest.mark.parametrize(
    "part",
    [
        "alpha",
        "coefficients",
        "item_models",
        "multilevel",
        "multivariate",
        "other_models",
        "sensitivity",
        "practice",
        "literature",
        pytest.param("deletions", marks=pytest.mark.slow),
        "baujat",
        "bayes",
    ],
)
def test_references_agree(modules, part):
    cases, _, synthesis, _ = modules
    rows = list(getattr(cases, part, getattr(synthesis, part, None))())
    assert len(rows) >= 6
    page = (DOCS / "validation.md").read_text(encoding="utf-8")
    assert [row.function for row in rows if f"| {row.function} |" not in page] == []
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
    papers = modules[1]
    rows = papers.published()
    assert [row for row in rows if not papers.agrees(row)] == []
    assert sum(map(papers.paged, rows)) >= 40
    # a page or table is claimed only where a source names it
    for row in rows:
        assert not papers.paged(row) or row.read_in.endswith("test")
    assert not papers.paged(rows[0]._replace(place="example of f"))
    assert not papers.paged(rows[0]._replace(read_in=papers.MORE_DIGITS))


def test_a_wrong_number_is_seen(modules):
    cases, papers, *_ = modules
    row = cases.Row("f", "d", "q", [1.0, 2.0], [1.0, 2.1])
    assert cases.difference(row) == (pytest.approx(0.1 / 2.1), 2)
    missing = cases.Row("f", "d", "q", [np.nan], [1.0])
    assert cases.difference(missing)[0] > 1e300
    assert cases.difference(cases.Row("f", "d", "q", [1.0], ["NA"])) == (0.0, 0)
    assert papers.agrees(papers.Published("s", "p", "q", ".12", 0.1249, "r"))
    assert not papers.agrees(papers.Published("s", "p", "q", ".12", 0.1251, "r"))


def test_the_page_is_what_its_script_writes(modules):
    page = (DOCS / "validation.md").read_text(encoding="utf-8")
    papers, writer = modules[1].published(), modules[3]
    assert f"{len(papers)} of {len(papers)} printed numbers agree" in page
    assert writer.published_tables() in page


def test_every_reference_stands_on_the_page(modules):
    """A reference file that R wrote is either in the dossier or raw data of another."""
    folder = Path(__file__).parents[1] / "reference"
    used = {name for _, *names in modules[3].SOURCES.values() for name in names}
    data = {"coefficients_data", "published_data"}
    assert {path.stem for path in folder.glob("*.json")} == used | data
