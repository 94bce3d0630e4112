"""The report: its sections, sentences, checklist and code say what the analysis says."""

import base64
import hashlib
import io
import itertools
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lxml import html

from waistats import (
    DataError,
    ModelError,
    generalize,
    load_dataset,
    read_coefficients,
    read_responses,
    reliability_by_study,
)
from waistats._format import coefficient, fixed, interval
from waistats.cli.app import main
from waistats.datasets.simulated_studies import simulate_literature
from waistats.provenance import SIMULATED
from waistats.report.abstract import abstract
from waistats.report.blocks import Figure, Link, Table, figures_of, words_of
from waistats.report.certainty import grades
from waistats.report.checklist import (
    AUTHOR,
    FILLED,
    PARTLY,
    abstract_checklist,
    checklist,
    prisma_checklist,
)
from waistats.report.code import python_code
from waistats.report.folder import study_tables
from waistats.report.limits import limitations
from waistats.report.method import methods_paragraphs
from waistats.report.moderators import model_sentence
from waistats.report.render_html import study_page
from waistats.report.render_word import study_document
from waistats.report.sections import study_sections
from waistats.report.sources import flow_steps, search_words
from waistats.report.text import (
    answers,
    moderators_sentence,
    results_paragraph,
)
from waistats.report.works import WORKS, cited
from waistats.rg.texts import KEYS
from waistats.tables.sensitivity import chance

CASES = Path(__file__).parents[1] / "cases"

EVERY = [
    "summary", "results", "methods", "intake", "instruments", "flow", "studies", "included",
    "descriptives", "pooled", "parts", "moderators", "spread", "sensitivity",
    "multiverse", "practice", "excluded", "limitations", "data", "variables", "regema",
    "again", "references",
]  # fmt: skip


@pytest.fixture(scope="module")
def wai():
    return generalize(load_dataset("wai"), title="Working Alliance Inventory scores")


@pytest.fixture(scope="module")
def wai_sections(wai):
    return study_sections(wai)


@pytest.fixture(scope="module")
def page(wai, wai_sections):
    return study_page(wai, sections=wai_sections)


@pytest.fixture(scope="module")
def literature():
    return generalize(read_coefficients(simulate_literature().table))


@pytest.fixture(scope="module")
def literature_sections(literature):
    return study_sections(literature)


@pytest.fixture(scope="module")
def literature_page(literature, literature_sections):
    return study_page(literature, sections=literature_sections)


def two(value):
    return coefficient(value, 2)


def text_of(element):
    return " ".join(element.text_content().split())


def test_every_section_is_there_in_order(page):
    tree = html.fromstring(page)
    ids = [section.get("aria-labelledby") for section in tree.iter("section")]
    assert ids == EVERY
    levels = [int(h.tag[1]) for h in tree.iter("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_induction_has_a_section_where_the_table_knows_of_it(literature_page):
    tree = html.fromstring(literature_page)
    words = text_of(tree.get_element_by_id("induction").getparent())
    assert "Of 60 studies that applied the instrument, 36 induced reliability" in words
    assert "a rate of induction of .60, 95% CI [" in words
    assert "Inducing samples differ from reporting ones" in words


def test_ids_are_unique_and_links_lead_somewhere(page):
    tree = html.fromstring(page)
    ids = tree.xpath("//@id")
    assert len(ids) == len(set(ids))
    targets = [h[1:] for h in tree.xpath("//a/@href") if h.startswith("#")]
    assert len(targets) > 30
    assert set(targets) <= set(ids)
    used = {
        h[1:] for h in tree.xpath("//*[local-name()='use']/@*[name()='xlink:href']")
    }
    assert used <= set(ids)


def test_nothing_is_fetched(page):
    tree = html.fromstring(page)
    assert not tree.xpath("//link | //iframe | //object | //embed | //@src")
    for element in tree.xpath("//*[@href]"):
        address = element.get("href")
        if address.startswith("http"):
            assert element.tag == "a"
            assert element.get("rel") == "noreferrer"
        else:
            kinds = ("text/csv", "application/x-bibtex")
            kinds += ("application/x-research-info-systems",)
            allowed = tuple(f"data:{kind};base64," for kind in kinds)
            assert address.startswith(("#", *allowed))
    style = tree.xpath("//style")[0].text
    assert "url(" not in style
    assert "@import" not in style


def test_summary_has_the_numbers_of_the_model(wai):
    words = results_paragraph(wai)
    fit, row = wai.overall, wai.pooled.row()
    robust = wai.pooled.robust.predict().iloc[0]
    assert coefficient(fit.predict()["estimate"].iloc[0], 2) in words
    assert interval(robust["ci_low"], robust["ci_high"], two) in words
    assert f"between {two(row['pi_low'])} and {two(row['pi_high'])} (95% pred" in words
    assert f"Q({fit.Q_df}) = {fixed(fit.Q, 2)}" in words
    assert f"tau = {fixed(fit.tau2**0.5, 3)} on the Bonett scale" in words
    assert f"I2 = {fixed(fit.I2, 1)}%" in words
    assert f"Across {fit.k} coefficients from 11 studies" in words


def test_cells_of_the_page_are_those_of_the_frame(literature, literature_page):
    tree = html.fromstring(literature_page)
    tables = {
        text_of(p.find("i")): p.getparent().xpath(".//tbody/tr")
        for p in tree.xpath("//p[@class='caption']")
    }
    title = "Pooled Reliability by Version, Rater and Scale (SIMULATED data)"
    shown = [[text_of(cell) for cell in row] for row in tables[title]]
    # one coefficient per study: studies are not counted a second time
    assert [row[5] for row in shown] == [two(v) for v in literature.cells["estimate"]]
    assert [row[3] for row in shown] == [str(k) for k in literature.cells["k"]]


def test_works_that_are_cited_are_listed_and_no_others(
    wai_sections, literature_sections
):
    for sections in (wai_sections, literature_sections):
        *others, last = sections
        assert last.id == "references"
        assert list(last.blocks[0].items) == cited(words_of(others))
        # whatever looks like a citation is known
        words = " ".join(words_of(others))
        found = set(re.findall(r"[A-ZÁ][\w’'-]+(?: et al\.)?, (?:19|20)\d\d", words))
        known = " ".join(WORKS)
        assert found
        assert [f for f in found if f not in known] == []


def test_methods_follow_the_options():
    table = load_dataset("cesd")
    study = generalize(table, measure="hakstian-whalen", method="DL", conf_level=0.9)
    words = " ".join(words_of(study_sections(study, keep={"methods"})))
    assert "Hakstian & Whalen, 1976" in words
    assert "estimated by DL" in words
    assert "90% prediction interval" in words
    assert "Bonett" not in words
    assert "CR2" not in words


def test_checklist_has_thirty_items_that_say_where(wai, wai_sections, literature):
    ids = {s.id for s in wai_sections} | {"colophon"}
    items = checklist(wai, ids)
    assert [item.number for item in items] == [str(i) for i in range(1, 31)]
    parts = pd.Series([item.part for item in items]).value_counts().to_dict()
    assert parts == {
        "Title": 1, "Abstract": 1, "Introduction": 2, "Methods": 14, "Results": 6,
        "Discussion": 4, "Funding": 1, "Protocol": 1,
    }  # fmt: skip
    for item in items:
        assert item.status in {FILLED, PARTLY, AUTHOR}
        assert (item.where in ids) == (item.status != AUTHOR)
        assert bool(item.author) == (item.status != FILLED)
    assert items[8].status == AUTHOR
    found = checklist(literature, ids | {"induction"})
    assert [found[i].status for i in (8, 9, 22)] == [FILLED] * 3
    table = next(s for s in wai_sections if s.id == "regema").blocks[0]
    links = [value for value in table.frame["where"] if isinstance(value, Link)]
    assert len(links) == sum(item.where != "" for item in items)


def test_checklist_without_a_pooled_model():
    table = load_dataset("cesd").head(2)
    study = generalize(table)
    ids = [s.id for s in study_sections(study)]
    assert not {"moderators", "sensitivity", "multiverse", "practice"} & set(ids)
    items = checklist(study, set(ids))
    assert items[20].status == items[21].status == AUTHOR
    assert "three studies" in items[21].author
    # nothing is said of models that were not fitted
    assert all(items[place].status == AUTHOR for place in (11, 12, 13, 14, 15, 19))
    prisma = prisma_checklist(study, set(ids))
    assert all(prisma[place].status == AUTHOR for place in (11, 12, 13, 19, 20))
    page = study_page(study)
    assert "Alphas of two studies are too few to be pooled" in page
    assert "described and not pooled" in page
    assert "pooled on" not in page
    assert "Pooled Reliability" not in page
    assert "Both coefficients of the table are described." in page


def test_a_report_of_another_kind_than_alpha_gives_its_answer():
    table = load_dataset("cesd").assign(coefficient_type="omega", se=0.02)
    study = generalize(table)
    row = study.scales.iloc[0]
    (answer,) = answers(study)
    assert answer.startswith("Across 9 omega coefficients of the total scale from 9 ")
    assert f"the mean was {two(row['estimate'])}, 95% CI [" in answer
    assert answer.rpartition(", the mean")[2] in study_page(study)
    first, _ = methods_paragraphs(study)
    assert "pooled on −ln(1 − ρ) (Bonett, 2002);" in first
    assert "whose variance depends" not in first
    assert "Variances of omega coefficients come from the standard errors" in first
    table = next(b for s in study_sections(study, keep={"studies"}) for b in s.blocks)
    assert table.heads[-1] == "ω"
    assert study_sections(study, keep={"spread"}) == []


def test_other_scales_and_the_rate_of_induction_are_in_the_results():
    words = results_paragraph(
        generalize(
            pd.concat(
                [
                    load_dataset("cesd"),
                    load_dataset("cesd").assign(scale="short", estimate=0.8),
                ]
            ).assign(reliability_status="reported_own")
        )
    )
    assert "Of 9 studies that applied the instrument, 0 induced reliability" in words
    assert (
        "Pooled apart from these, with 95% CIs: alpha of the short scale .80 [" in words
    )
    assert words.count("(k = 9)") == 1


def test_the_search_is_told_as_it_was_counted(literature):
    table = read_coefficients(simulate_literature().table)
    log = pd.DataFrame(
        {
            "decision": ["duplicate"] * 3 + ["not_retrieved"] + ["included"] * 60,
            "provenance": "SIMULATED",
        }
    )
    study = generalize(table, screening=log)
    assert search_words(study) == (
        "The search found 64 records, of which 60 were assessed in full; 60 studies were "
        "included, of which 24 report a coefficient of their own data."
    )
    made = study_sections(study, short=True)
    words = " ".join(words_of(made))
    assert search_words(study) in words
    assert "Of small-study tests, the regression on the standard error has p " in words


def test_a_short_table_says_what_it_leaves_out():
    table = load_dataset("cesd")
    many = pd.concat(
        [table.assign(scale=f"s{i:02d}", estimate=0.8) for i in range(20)] + [table]
    )
    study = generalize(many)
    shown = next(
        b
        for s in study_sections(study, short=True)
        for b in s.blocks
        if isinstance(b, Table)
    )
    assert shown.caption == "Pooled Reliability: the 14 Largest of 21 Combinations"
    assert shown.frame["instrument"].iloc[0] == "All"


def test_moderator_model_fills_its_item():
    study = generalize(load_dataset("mibs"), "~ year")
    assert checklist(study, {"moderators"})[20].status == FILLED
    (made,) = study_sections(study, keep={"moderators"})[:1]
    captions = [b.caption for b in made.blocks if isinstance(b, Table)]
    assert "The Model with Year" in captions
    said = next(t for t in words_of([made]) if t.startswith("The model with year (k"))
    fit = study.moderator_model
    assert study.equation in said
    assert f"residual heterogeneity Q({fit.Q_df}) = {fixed(fit.Q, 2)}" in said


def test_flow_of_a_plain_table_adds_up(wai):
    steps = flow_steps(wai).set_index("box")
    k = steps["coefficients"]
    assert k["Coefficients in the table"] == len(wai.coefficients) == 75
    valued = k["Coefficients in the table"] - k["Without a value: a range or a bound"]
    assert k["With a value"] == valued == wai.coefficients["estimate"].notna().sum()
    assert k["Can be pooled"] == k["With a value"] - k["Cannot be pooled"] == 35
    assert k["In the overall model (total)"] == wai.overall.k
    assert "other kind" in steps.loc["Cannot be pooled", "note"]


def test_flow_keeps_subscales_apart():
    table = load_dataset("cesd").assign(scale=["total"] * 5 + ["somatic"] * 4)
    steps = flow_steps(generalize(table)).set_index("box")
    assert steps.loc["Other scales or kinds, pooled separately", "coefficients"] == 4
    assert steps.loc["In the overall model (total)", "coefficients"] == 5
    assert "Cannot be pooled" not in steps.index


def test_flow_with_induction_ends_in_the_model(literature):
    steps = flow_steps(literature)
    assert steps["box"].iloc[0] == "Coded"
    assert steps["box"].iloc[-1] == "In the overall model (total)"
    assert steps["studies"].iloc[-1] == literature.overall.k == 24


def test_limitations_come_from_the_data(wai, literature):
    words = " ".join(limitations(wai))
    said = (
        "All 18 cells have", "Of 75 reported coefficients, 40", "No sample size is known",
        "by 13 reports", "29 coefficients was inferred", "COSMIN",
        "induction is not known", "19 were computed by the coder",
    )  # fmt: skip
    assert [s for s in said if s not in words] == []
    assert "SIMULATED" not in words
    assert "SIMULATED" in limitations(literature)[-1]
    assert "induction is not known" not in " ".join(limitations(literature))
    plain = " ".join(limitations(generalize(load_dataset("cesd"))))
    assert "COSMIN" not in plain


def test_simulated_says_so_everywhere(literature_sections, literature_page, wai):
    sections = literature_sections
    shown = [b for s in sections for b in s.blocks if isinstance(b, (Table, Figure))]
    assert len(shown) > 20
    assert all(SIMULATED in block.caption for block in shown)
    for figure in figures_of(sections):
        assert SIMULATED in figure.drawing.alt
        texts = [t.get_text() for t in figure.drawing.figure.texts]
        assert texts.count("SIMULATED data") == 1
    assert "These data are SIMULATED." in literature_page
    for figure in figures_of(study_sections(wai, keep={"pooled"})):
        assert SIMULATED not in figure.drawing.alt


def test_spread_has_a_verdict_or_a_reason(wai_sections, literature_sections):
    said, told = (
        next(s for s in made if s.id == "spread")
        for made in (wai_sections, literature_sections)
    )
    assert "cannot be determined here. Some samples have several" in said.blocks[0].text
    assert "the number of items held constant" in told.blocks[0].text
    assert "moderators=" not in told.blocks[0].text


def test_figures_say_what_they_show(page):
    tree = html.fromstring(page)
    drawings = tree.xpath("//figure//*[local-name()='svg']")
    assert len(drawings) >= 8
    for svg in drawings:
        assert svg.get("role") == "img"
        assert len(svg.get("aria-label")) > 40
    captions = [text_of(c.find("b")) for c in tree.xpath("//figcaption")]
    assert captions == [f"Figure {i + 1}" for i in range(len(captions))]
    tables = [text_of(c.find("b")) for c in tree.xpath("//p[@class='caption']")]
    assert tables == [f"Table {i + 1}" for i in range(len(tables))]


def test_headers_have_a_scope_and_page_a_language(page):
    tree = html.fromstring(page)
    assert tree.get("lang") == "en"
    assert {th.get("scope") for th in tree.iter("th")} == {"col", "rowgroup"}
    assert tree.xpath("//a[@class='skip']/@href") == ["#content"]
    for table in tree.iter("table"):
        (named,) = tree.xpath(f"//*[@id='{table.get('aria-labelledby')}']")
        assert text_of(named)


def luminance(colour):
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(
        channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
    )
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_contrast(page):
    named = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", page))
    grounds = [named[g] for g in ("paper", "tint", "warm")]
    for ink in ("ink", "soft", "accent"):
        for ground in grounds:
            light, dark = sorted((luminance(named[ink]), luminance(ground)))[::-1]
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)
    style = page.split("<style>")[1].split("</style>")[0]
    rules = style.split("\n", 2)[2]
    assert not re.search(r"#[0-9a-f]{3,6}\b", rules), "a colour outside the palette"


HOSTILE = '<img src=x onerror="alert(1)">&amp;</table><script>x</script>{{ 7 * 7 }}'


def test_hostile_names_are_text():
    table = load_dataset("cesd").assign(instrument=HOSTILE, language=HOSTILE)
    table["study_id"] = [f"{HOSTILE}{i}" for i in range(len(table))]
    study = generalize(table, title=HOSTILE)
    keep = {"summary", "instruments", "pooled", "data", "again"}
    page = study_page(study, sections=study_sections(study, keep=keep))
    tree = html.fromstring(page)
    assert not tree.xpath("//img | //@onerror")
    assert len(tree.xpath("//script")) == 1
    assert "{{ 7 * 7 }}" in text_of(tree.xpath("//h1")[0])
    assert tree.xpath("//h1")[0].text_content().endswith(HOSTILE)
    cells = {text_of(td) for td in tree.iter("td")}
    assert f"{HOSTILE}3" in cells


@pytest.mark.parametrize("address", ["javascript:alert(1)", "https://a b", "http://"])
def test_only_addresses_become_links(address):
    table = load_dataset("cesd").assign(source_url=address)
    study = generalize(table)
    sections = study_sections(study, keep={"data"})
    tree = html.fromstring(study_page(study, sections=sections))
    links = tree.xpath("//section[@aria-labelledby='data']//a/@href")
    assert not any(link.startswith("javascript") for link in links)
    assert address not in links


@pytest.mark.slow
def test_same_bytes_each_time(wai, page):
    again = generalize(load_dataset("wai"), title="Working Alliance Inventory scores")
    assert study_page(again) == page


def test_the_csv_that_the_page_carries_is_the_data(wai, page, tmp_path):
    tree = html.fromstring(page)
    (link,) = tree.xpath("//a[@download='coefficients.csv']")
    content = base64.b64decode(link.get("href").split(",", 1)[1])
    (tmp_path / "coefficients.csv").write_bytes(content)
    table = read_coefficients(tmp_path / "coefficients.csv")
    again = generalize(table).overall
    assert again.estimate == pytest.approx(wai.overall.estimate, rel=1e-12)
    assert hashlib.sha256(content).hexdigest() in page


@pytest.mark.slow
def test_python_code_makes_it_again(tmp_path, monkeypatch, capsys):
    study = generalize(
        load_dataset("mibs"),
        "~ year",
        by=("instrument",),
        method="ML",
        conf_level=0.9,
        candidates=["year"],
        title="scores of 'a' scale",
    )
    code = python_code(study)
    study.coefficients.to_csv(tmp_path / "coefficients.csv", index=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "again.py").write_text(code, encoding="utf-8")
    made = runpy.run_path(str(tmp_path / "again.py"))["study"]
    assert capsys.readouterr().out.strip() == str(study)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == study_page(study)
    pd.testing.assert_frame_equal(
        made.moderator_model.to_frame(), study.moderator_model.to_frame()
    )


@pytest.mark.slow
def test_word_report_holds_the_same_tables(literature, literature_sections, tmp_path):
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    sections = literature_sections
    content = study_document(literature, sections=sections)
    document = docx.Document(io.BytesIO(content))
    tables = [b for s in sections for b in s.blocks if isinstance(b, Table)]
    assert len(document.tables) == len(tables)
    for made, table in zip(document.tables, tables, strict=True):
        shown = [[cell.text for cell in row.cells] for row in made.rows]
        assert shown[0] == table.heads
        rows, order = table.rows(typeset=True), []
        for group, places in table.grouped():
            order += [[group] * len(table.heads)] if group is not None else []
            order += [rows[i] for i in places]
        assert shown[1:] == order
    figures = figures_of(sections)
    pictures = [shape._inline.docPr for shape in document.inline_shapes]
    assert [p.get("descr") for p in pictures] == [f.drawing.alt for f in figures]
    styles = [p.style.name for p in document.paragraphs]
    assert styles.count("Title") == 1
    headings = [p.text for p in document.paragraphs if p.style.name == "Heading 1"]
    assert headings == [s.title for s in sections] + ["Colophon"]
    room = document.sections[0]
    for shape in document.inline_shapes:
        assert shape.width <= room.page_width - room.left_margin - room.right_margin
    again = literature.report(tmp_path / "again.docx")
    assert again.read_bytes() == content


def test_word_breaks_no_number(literature, literature_sections):
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    content = study_document(literature, sections=literature_sections)
    for grid in docx.Document(io.BytesIO(content)).tables:
        # LibreOffice reads the grid, Word the cells
        widths = [column.width for column in grid.columns]
        assert [cell.width for cell in grid.rows[0].cells] == widths
        for row in grid.rows[1:]:
            for cell, width in zip(row.cells, widths, strict=True):
                (run,) = cell.paragraphs[0].runs or [None]
                if run is not None and run.text.replace(".", "").isdigit():
                    assert len(run.text) * 0.6 * run.font.size < width


def test_word_takes_texts_that_xml_does_not():
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    study = generalize(load_dataset("cesd").assign(language="a\x00b\x0bc"))
    content = study_document(study, sections=study_sections(study, keep={"data"}))
    document = docx.Document(io.BytesIO(content))
    cells = [c.text for t in document.tables for c in t._cells]
    assert r"a\x00b c" in cells


def test_word_without_python_docx(literature, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "docx", None)
    with pytest.raises(ModelError, match=r"pip install 'waistats\[word\]'"):
        literature.report(tmp_path / "report.docx")
    assert list(tmp_path.iterdir()) == []


def test_report_refuses_other_files(wai, tmp_path):
    with pytest.raises(DataError, match=r"a page \(.html\) or a Word document"):
        wai.report(tmp_path / "report.pdf")
    path = tmp_path / "report.html"
    path.write_text("mine", encoding="utf-8")
    few = generalize(load_dataset("cesd").head(2))
    with pytest.raises(DataError, match="already exists"):
        few.report(path, force=False)
    assert path.read_text(encoding="utf-8") == "mine"


@pytest.mark.slow
def test_command_line_writes_word_and_says_how(tmp_path, capsys):
    table = tmp_path / "meine tabelle.csv"
    load_dataset("cesd").rename(columns={"estimate": "alpha"}).to_csv(
        table, index=False
    )
    out = tmp_path / "out"
    options = ["--columns", "alpha=estimate", "--method", "DL", "--title", "a b"]
    arguments = [str(table), *options, "--word", "--output", str(out)]
    assert main(["generalize", *arguments]) == 0
    assert "report.html, report.docx," in capsys.readouterr().out
    assert (out / "report.docx").read_bytes()[:2] == b"PK"
    page = (out / "report.html").read_text(encoding="utf-8")
    said = text_of(html.fromstring(page).xpath("//footer")[0])
    assert said.endswith(
        "Call: waistats generalize 'meine tabelle.csv' --columns alpha=estimate "
        "--method DL --title 'a b'"
    )
    assert str(tmp_path) not in page
    names = sorted(p.stem for p in (out / "figures").iterdir())
    assert {p.suffix for p in (out / "figures").iterdir()} == {".svg"}
    drawn = page.count("<figcaption>")
    assert len(names) == drawn >= 7


def test_quoted_values_are_no_observations():
    table = read_coefficients(CASES / "induced.csv")
    study = generalize(table)
    cell = study.descriptives.query("k > 0").iloc[0]
    assert (cell["k"], round(cell["mean"], 2)) == (3, 0.82)
    words = words_of(study_sections(study, keep={"summary", "limitations", "flow"}))
    assert "Across 3 coefficients from 3 studies" in " ".join(words)
    assert "No sample size" not in " ".join(words)
    sections = study_sections(study, keep={"instruments", "descriptives", "studies"})
    facts = dict(sections[0].blocks[0].cards[0].facts)
    assert facts["In this study"] == "3 coefficients of 3 studies: .80 to .84"
    leaf = next(b.text for s in sections for b in s.blocks if b.kind == "code")
    assert leaf == ".8 | 024"
    (rows,) = (
        b
        for s in sections
        for b in s.blocks
        if b.kind == "table" and (b.name == "characteristics")
    )
    assert list(rows.frame["study_id"]) == ["A", "B", "C"]


def test_no_sentence_begins_with_a_digit(wai_sections, literature_sections):
    for sections in (wai_sections, literature_sections):
        for section in sections:
            if section.id in {"references", "studies", "included", "intake"}:
                continue
            for text in words_of([section]):
                assert not re.search(r"(?:^|[.!?] )\d", text), text


def test_no_instruction_and_no_argument_of_the_program_in_the_text(
    wai_sections, literature_sections
):
    for sections in (wai_sections, literature_sections):
        text = " ".join(words_of([s for s in sections if s.id != "again"]))
        assert not re.search(r"\b\w+\('|\b[a-z_]+=['\"]|--[a-z]+|waistats \w+", text)


def test_notes_of_every_frame_stand_in_the_report(literature, literature_sections):
    words = " ".join(words_of(literature_sections)).casefold()
    frames = (literature.cells, literature.scales, literature.screen,
              literature.robustness, literature.levels)  # fmt: skip
    notes = {str(n) for f in frames for n in f["note"].dropna() if str(n)}
    # a list of what was not tested needs no word for that
    notes = {n.removeprefix("descriptive only: ") for n in notes}
    assert notes
    assert [n for n in notes if n.casefold().rstrip(".") not in words] == []


def test_texts_log_and_second_coder_fill_the_checklists(literature):
    table = read_coefficients(simulate_literature().table)
    log = pd.DataFrame(
        {
            "decision": ["duplicate"] * 3 + ["not_retrieved"] + ["included"] * 24,
            "provenance": "SIMULATED",
        }
    )
    texts = dict.fromkeys(KEYS, "SIMULATED text.")
    study = generalize(
        table, "~ n_items", screening=log, coders=table.head(20), texts=texts
    )
    keep = {"background", "methods", "flow", "quality", "discussion", "declarations",
            "summary", "limitations", "studies"}  # fmt: skip
    sections = study_sections(study, keep=keep)
    ids = {s.id for s in sections} | {"colophon", "data", "induction", "pooled"}
    ids |= {"moderators", "sensitivity", "practice", "instruments"}
    assert [i.number for i in checklist(study, ids) if i.status != FILLED] == []
    left = [i.number for i in prisma_checklist(study, ids) if i.status != FILLED]
    assert left == []
    plain = checklist(literature, ids)
    assert {plain[i].status for i in (3, 4, 5, 10, 27, 28, 29)} == {AUTHOR}
    assert plain[4].author == "the criteria"
    names = [f.name for f in figures_of(sections)]
    assert names[:2] == ["prisma", "flow"]


def test_abstract_and_its_checklist_hold_what_was_given(literature):
    table = read_coefficients(simulate_literature().table)
    texts = {"question": "How reliable?", "funding": "None.", "title": "A review"}
    study = generalize(table, texts=texts)
    (section,) = abstract(study)
    said = [block.text for block in section.blocks]
    assert said[0] == "Objective: How reliable?"
    assert any(text.startswith("Results: The pooled alphas") for text in said)
    items = abstract_checklist(study)
    assert len(items) == 12
    left = {i.part for i in items if i.status != FILLED}
    assert left == {"Eligibility", "Sources", "Risk of bias", "Limitations",
                    "Interpretation", "Registration"}  # fmt: skip
    item = prisma_checklist(study, {"abstract"})[1]
    assert (item.status, item.where) == (PARTLY, "abstract")
    assert item.author == "items 3, 4, 5, 9, 10, 12 of the checklist for abstracts"
    assert abstract(literature) == []


def test_certainty_counts_what_the_data_tell():
    table = load_dataset("cesd").assign(
        unidim_checked="no", per_subscale_reported="yes"
    )
    study = generalize(table)
    rows = {row["domain"]: row for row in grades(study)}
    assert (
        rows["Risk of bias"]["found"]
        == "studies: 0 very good, 9 doubtful, 0 inadequate"
    )
    assert [row["steps"] for row in rows.values()] == [1, 0, 0, None]
    words = " ".join(words_of(study_sections(study, keep={"certainty"})))
    assert "is at most moderate, unless indirectness, which is still to be" in words
    few = table.assign(n=8, estimate=[0.6] * 4 + [0.8] * 5)
    assert [row["steps"] for row in grades(generalize(few))] == [1, 1, 1, None]
    assert study_sections(generalize(load_dataset("cesd")), keep={"certainty"}) == []


def test_every_scale_with_ten_studies_is_checked_for_reporting():
    cesd = load_dataset("cesd")
    more = pd.concat([cesd, cesd.head(3).assign(study_id=["x", "y", "z"])])
    more = more.assign(coefficient_id=[f"c{i}" for i in range(12)], scale="bond")
    table = pd.concat([cesd.assign(scale="total"), more], ignore_index=True)
    (section,) = study_sections(generalize(table), keep={"parts"})[:1]
    (checks,) = [b for b in section.blocks if isinstance(b, Table)
                 and b.caption.startswith("Small-Study")]  # fmt: skip
    assert list(checks.frame["part"].unique()) == ["Alphas of the Bond Scale"]
    assert len(checks.frame) == 5


def test_terms_and_studies_are_called_by_their_names():
    table = load_dataset("mibs")
    study = generalize(table, "~ year + n_items")
    said = model_sentence(study)
    assert said.startswith("The model with year and number of items (k = 33)")
    assert "× number of items" in said
    assert "n_items" not in said
    assert "number of items (Calhoun (2015) alone determines" in moderators_sentence(
        study
    )


def test_short_report_is_set_as_a_paper(literature, tmp_path):
    path = literature.report(tmp_path / "short.html", short=True)
    tree = html.fromstring(path.read_text(encoding="utf-8"))
    ids = [s.get("aria-labelledby") for s in tree.iter("section")]
    assert ids == ["summary", "methods", "results", "limitations", "references"]
    assert len(tree.xpath("//figure")) == 1
    assert 1 <= len(tree.xpath("//table")) <= 2
    (copied,) = tree.xpath("//button[@data-copy='p']/../preceding-sibling::p[1]")
    assert text_of(copied).startswith("Of 60 studies that applied the instrument, 36 ")
    assert "The pooled alphas by" in text_of(copied)
    words = len(text_of(tree.find("body")).split())
    assert 800 < words < 2500


def test_sentences_hold_for_a_table_of_nine_studies():
    study = generalize(load_dataset("cesd"))
    sections = study_sections(study)
    words = " ".join(words_of(sections))
    # nothing was tested, so nothing is said to have been
    assert "Moderators were tested" not in words
    assert "Holm" not in " ".join(methods_paragraphs(study))
    # alphas of .900 and .908 are not one alpha in print
    assert "No choice matters" not in words
    # no instruction, no advice
    for text in ("Choose a heading", "estimated anew", "code some studies twice"):
        assert text not in words
    # the power of a test is named where it is given, not promised for all
    assert "stands with it" not in words
    # who is influential is called by name, as in the table of studies
    assert "Martire et al. (1997)" in words
    captions = [b.caption for s in sections for b in s.blocks if hasattr(b, "caption")]
    assert "Pooled Reliability by Version, Rater and Scale" not in captions


def test_chances_are_never_certain():
    assert [chance(p) for p in (0.9999, 0.987, 0.0001)] == ["> .99", ".99", "< .01"]


def test_every_further_coder_is_compared(literature):
    table = read_coefficients(simulate_literature().table)
    study = generalize(table, coders=[table.head(20), table.head(30)])
    assert [a.k_matched for a in study.agreements] == [20, 30]
    assert study.agreement is study.agreements[0]
    words = " ".join(words_of(study_sections(study, keep={"quality"})))
    assert "Coders 1 and 2." in words
    assert "Coders 1 and 3." in words
    tables = study_tables(study)
    assert {"agreement", "agreement_coder_3"} <= set(tables)


def test_a_short_report_without_a_model_lists_the_coefficients():
    cases = Path(__file__).parents[1] / "cases"
    responses = read_responses(cases / "clinic.sav")
    table = reliability_by_study(
        responses,
        study="site",
        by="session",
        person="client",
        raters={"client": "WAI_C_", "therapist": "wait"},
        instrument="WAI-SR",
    )
    study = generalize(table)
    assert study.pooled is None
    results = next(
        one for one in study_sections(study, short=True) if one.id == "results"
    )
    (listed,) = [one for one in results.blocks if one.kind == "table"]
    assert listed.heads[:4] == ["Study", "Session", "Rater", "Scale"]
    assert len(listed.rows()) == len(table)
    assert [one.name for one in results.blocks if one.kind == "figure"] == ["box"]
