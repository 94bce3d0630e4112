"""The report in a real browser: quiet, alone, readable at any width, printable."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from browser import ask, browse, chromium
from simulated_review import simulated_study

from waistats import generalize, load_dataset, read_coefficients
from waistats.datasets.simulated_studies import simulate_literature
from waistats.report.blocks import Table
from waistats.report.render_html import study_page
from waistats.report.sections import study_sections

MEASURE = """
  var root = document.documentElement;
  return {
    inner: window.innerWidth, wide: root.scrollWidth,
    figures: Array.from(document.querySelectorAll("figure .scroll svg")).map(
    function (svg) {
      var box = svg.getBoundingClientRect();
      var frame = svg.closest(".scroll").getBoundingClientRect();
      return [box.width, box.height, frame.width, frame.right];
    })
  };
"""
SORT = """
  var table = document.querySelector("section[aria-labelledby=data] table.sortable");
  var heads = Array.from(table.querySelectorAll("th"));
  var column = function (name) {
    return heads.findIndex(function (h) { return h.textContent.trim() === name; });
  };
  var read = function (i) {
    return Array.from(table.tBodies[0].rows).map(function (r) {
      return r.cells[i].textContent;
    });
  };
  var out = {}, said = [];
  ["Reliability", "Study"].forEach(function (name) {
    var i = column(name), button = heads[i].querySelector("button");
    button.focus();
    said.push(document.activeElement === button);
    button.click();
    out[name + " up"] = read(i);
    said.push(heads[i].getAttribute("aria-sort"));
    button.click();
    out[name + " down"] = read(i);
    said.push(heads[i].getAttribute("aria-sort"));
  });
  out.said = said;
  out.sorted = heads.filter(function (h) { return h.hasAttribute("aria-sort"); }).length;
  return out;
"""


@pytest.fixture(scope="module")
def study():
    return generalize(load_dataset("wai"), title="Working Alliance Inventory scores")


@pytest.fixture(scope="module")
def sections(study):
    chromium()
    return study_sections(study)


@pytest.fixture(scope="module")
def page(study, sections):
    return study_page(study, sections=sections)


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1400])
def test_figures_fit_and_nothing_is_fetched(page, tmp_path, width):
    told = ask(page, tmp_path, MEASURE, width)
    assert told["inner"] == width
    assert told["console"] == []
    assert told["broken"] == []
    assert told["fetched"] == []
    # tables and figures scroll in their own frames, never the page
    assert told["wide"] <= width
    assert len(told["figures"]) >= 9
    for wide, high, frame, right in told["figures"]:
        assert high > 100
        assert wide > 0.6 * min(frame, 300)
        assert right <= width


@pytest.mark.slow
def test_a_request_would_be_seen(page, tmp_path):
    """The test above can fail: the policy stops a request and says so."""
    bad = page.replace("</h1>", '</h1><img src="http://localhost:9/x.png">', 1)
    told = ask(bad, tmp_path, MEASURE)
    assert told["broken"] == ["img-src http://localhost:9/x.png"]
    assert len(told["console"]) == 1


@pytest.mark.slow
def test_sorting(page, study, tmp_path):
    told = ask(page, tmp_path, SORT)
    assert told["console"] == []
    values = [v for v in told["Reliability up"] if v != "–"]
    assert values == sorted(values, key=float)
    assert told["Reliability up"][len(values) :] == ["–"] * (
        len(study.coefficients) - len(values)
    )
    assert [v for v in told["Reliability down"] if v != "–"] == values[::-1]
    names = told["Study up"]
    assert names == sorted(names, key=str.casefold)
    assert told["Study down"] == names[::-1]
    up_and_down = [True, "ascending", "descending"]
    assert told["said"] == up_and_down * 2
    assert told["sorted"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1400])
def test_figures_are_seen(page, tmp_path, width):
    """Every figure has ink of its own where the screenshot shows it."""
    from matplotlib import image

    (tmp_path / "report.html").write_text(
        page.replace(
            "<style>",
            "<style>header, p, .table, .cards, pre { display: none !important }",
            1,
        ),
        encoding="utf-8",
    )
    shot = tmp_path / "shot.png"
    browse(tmp_path, f"--window-size={width},9000", f"--screenshot={shot}")
    seen = image.imread(shot)[..., :3]
    assert seen.shape[1] == width
    coloured = (seen.max(axis=2) - seen.min(axis=2)) > 0.15
    rows = coloured.any(axis=1)
    assert rows.sum() > 500
    # the right half is used as well, so nothing is squeezed to a strip
    assert coloured[:, width // 3 : width].any(axis=1).sum() > 200


def print_page(page, tmp_path):
    """Return the file that the browser prints."""
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    pdf = tmp_path / "report.pdf"
    browse(tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={pdf}")
    return pdf


def printed(page, tmp_path):
    """Return the text of each printed page."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    pdf = print_page(page, tmp_path)
    done = subprocess.run(
        ["pdftotext", "-raw", str(pdf), "-"], capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0
    return done.stdout.split("\f")


def blank_shares(pdf, folder):
    """Return which share of each page is blank between its last mark and its margin."""
    from matplotlib import image

    if shutil.which("pdftoppm") is None:
        pytest.skip("pdftoppm is not installed")
    subprocess.run(
        ["pdftoppm", "-r", "40", "-png", str(pdf), str(folder / "at")], check=True
    )
    shares = []
    for file in sorted(folder.glob("at-*.png")):
        shot = image.imread(file)[..., :3].min(axis=2)
        # the number of the page stands in the margin
        margin = round(40 * 1.5 / 2.54)
        inked = np.flatnonzero((shot[:-margin] < 0.98).any(axis=1))
        shares.append((len(shot) - margin - 1 - inked[-1]) / len(shot))
    return shares


@pytest.mark.slow
@pytest.mark.parametrize(("short", "fewest", "most"), [(False, 25, 40), (True, 4, 6)])
def test_a_printed_review_is_short_and_has_no_half_empty_page(
    tmp_path, short, fewest, most
):
    """The SIMULATED review of 90 studies; its last page may end anywhere."""
    chromium()
    pdf = print_page(study_page(simulated_study(), short=short), tmp_path)
    shares = blank_shares(pdf, tmp_path)
    assert fewest <= len(shares) <= most
    assert max(shares[:-1]) < 0.4, shares


@pytest.mark.slow
def test_forest_plots_go_on_with_head_and_axis(tmp_path):
    """A plot that starts low on a page has its columns' heads on the next one too."""
    chromium()
    study = generalize(read_coefficients(simulate_literature(70, seed=3).table))
    assert 20 < study.pooled.fit.k <= 40
    sections = study_sections(study, keep={"pooled"})
    page = study_page(study, sections=sections)
    low = page.replace('<figure class="cut">', "<p>.</p>" * 20 + '<figure class="cut">')
    pdf = print_page(low, tmp_path)
    shares = blank_shares(pdf, tmp_path)
    assert len(shares) >= 2
    assert max(shares[:-1]) < 0.4, shares


def squeezed(text):
    return re.sub(r"\s+", "", text)


@pytest.mark.slow
def test_printing_cuts_no_table(page, sections, tmp_path):
    whole = squeezed("".join(printed(page, tmp_path)))
    for section in sections:
        for block in section.blocks:
            if not isinstance(block, Table):
                continue
            rows = block.rows(typeset=True)
            for row in (rows[0], rows[-1]):
                for cell in row:
                    # a long cell may go on on the next page, below the head of the table
                    assert squeezed(str(cell))[:30] in whole, (block.caption, cell)
                    assert squeezed(str(cell))[-8:] in whole, (block.caption, cell)


@pytest.mark.slow
def test_heads_of_tables_are_repeated_in_print(page, sections, study, tmp_path):
    pages = printed(page, tmp_path)
    (data,) = (s for s in sections if s.id == "data")
    table = next(b for b in data.blocks if isinstance(b, Table))
    assert len(table.frame) == len(study.coefficients)
    on = [text for text in pages if "Provenance" in text and "Modality" in text]
    assert len(on) >= 2
    # landscape and portrait pages of one document
    assert len(pages) > len(on)


@pytest.mark.slow
def test_simulated_page_is_quiet_too(tmp_path):
    chromium()
    study = generalize(read_coefficients(simulate_literature().table))
    keep = {"summary", "flow", "induction", "pooled", "spread", "data"}
    page = study_page(study, sections=study_sections(study, keep=keep))
    told = ask(page, tmp_path, MEASURE, 360)
    assert told["console"] == told["broken"] == told["fetched"] == []
    assert told["wide"] <= 360
