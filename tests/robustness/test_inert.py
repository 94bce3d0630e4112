"""Names that mean harm stay texts in every page, figure, table and document."""

import base64
import io
import re
import zipfile
from urllib.parse import unquote

import openpyxl
import pandas as pd
import pytest
from browser import ask
from hostile import run
from lxml import etree, html

from waistats import (
    DataError,
    check_coefficients,
    cronbach_alpha,
    effect_sizes,
    fit_meta,
    generalize,
    load_dataset,
    read_coefficients,
    read_responses,
    tables,
)
from waistats.figures import forest
from waistats.figures._style import MOST, render, shorten, text_width
from waistats.report.render_html import study_page
from waistats.report.render_word import study_document
from waistats.report.sections import study_sections
from waistats.tables.export import to_page

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</style></svg></title><script>alert(1)</script>",
    "]]><foreignObject><script>alert(1)</script></foreignObject>",
    "<!-- --!> <![CDATA[ <svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}<b>",
    "Li\u202e\u2066 2001\u2028x\x00\x1b[2J",
    "=HYPERLINK(1)&quot;&#60;i>",
    "long " + "x" * 100_000,
]
WRITTEN = {
    "script",
    "img",
    "foreignobject",
    "iframe",
    "object",
    "embed",
    "form",
    "base",
}


@pytest.fixture(scope="module")
def study():
    table = load_dataset("cesd")
    again = pd.concat([table, table], ignore_index=True).iloc[: len(HOSTILE)].copy()
    again["study_id"] = HOSTILE
    again["language"] = HOSTILE
    again["instrument"] = HOSTILE[0]
    again["source_url"] = ["javascript:alert(1)", "data:text/html,<script>"] + [""] * 9
    return generalize(read_coefficients(again), title=HOSTILE[1])


@pytest.fixture(scope="module")
def sections(study):
    keep = {"summary", "descriptives", "pooled", "moderators", "data", "again"}
    return study_sections(study, keep=keep)


@pytest.fixture(scope="module")
def page(study, sections):
    return study_page(study, HOSTILE[4], sections)


def harm(tree):
    """Return what runs or loads in a tree: elements, handlers, addresses."""
    found = []
    for element in tree.iter(etree.Element):
        tag = etree.QName(element).localname.lower()
        if tag in WRITTEN:
            found.append(tag)
        for name, value in element.attrib.items():
            local = name.rpartition("}")[2].lower()
            if local.startswith("on"):
                found.append(f"{tag} {local}")
            if local in ("href", "src", "action") and not re.match(
                r"#|https?://|data:(text/csv|image/png);base64,|data:image/svg\+xml,",
                value,
            ):
                found.append(f"{tag} {local} {value[:40]}")
    return found


def test_the_page_holds_its_own_script_alone(page):
    tree = html.fromstring(page)
    assert [found for found in harm(tree) if found != "img"] == ["script"]
    # the parts in which a page prints a tall figure: drawings of its own
    for source in tree.xpath("//img/@src"):
        drawing = unquote(source.removeprefix("data:image/svg+xml,"))
        assert harm(etree.fromstring(drawing.encode("utf-8"))) == []
    assert "alert" not in tree.xpath("string(//script)")
    assert [element.tag for element in tree] == ["head", "body"]
    for sign in "\x00\x1b\u202e\u2028":
        assert sign not in page
    assert r"Li\u202e\u2066 2001\u2028x\x00\x1b[2J" in page


LOOK = """
  var all = Array.from(document.querySelectorAll("*"));
  all.forEach(function (e) {
    e.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
  });
  return {
    // one of them asks these questions
    scripts: document.scripts.length - 1,
    handlers: all.filter(function (e) {
      return Array.from(e.attributes).some(function (a) {
        return a.name.startsWith("on");
      });
    }).length,
    loads: document.querySelectorAll(
      "foreignObject, iframe, img:not([src^='data:']), object, embed").length,
    links: Array.from(document.links).map(function (a) { return a.protocol; })
  };
"""


@pytest.mark.slow
def test_a_browser_finds_nothing_to_run(page, tmp_path):
    told = ask(page, tmp_path, LOOK)
    assert told["scripts"] == 1
    assert told["handlers"] == told["loads"] == 0
    assert set(told["links"]) <= {"file:", "https:", "http:", "data:"}
    for name in ("console", "broken", "fetched"):
        assert told[name] == [], name


def test_each_figure_is_a_sound_drawing(page):
    drawings = re.findall(r"<svg .*?</svg>", page, re.S)
    assert len(drawings) >= 3
    for drawing in drawings:
        assert harm(etree.fromstring(drawing)) == []


def test_downloads_are_guarded(page):
    found = re.findall(r"data:text/csv;base64,([^\"]+)", page)
    assert found
    for text in found:
        frame = pd.read_csv(io.BytesIO(base64.b64decode(text)), dtype=str)
        cells = {str(cell)[:1] for cell in frame.to_numpy().ravel()}
        assert not cells & set("=@+\t\r")


def test_word_documents_are_sound(study, sections):
    content = study_document(study, HOSTILE[4], sections)
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        for name in parts.namelist():
            if name.endswith((".xml", ".rels")):
                tree = etree.fromstring(parts.read(name))
                for kind in ("instrText", "fldSimple", "object", "altChunk"):
                    assert not tree.xpath(f"//*[local-name()='{kind}']")
                links = tree.xpath("//@TargetMode/../@Target")
                assert all(re.match("https?://", link) for link in links)


def test_tables_of_every_kind(tmp_path):
    frame = pd.DataFrame({"study_id": HOSTILE, "estimate": 0.9, "<b>": HOSTILE})
    table = tables.table(frame, title=HOSTILE[0])
    assert harm(html.fromstring(to_page(table))) == []
    tables.save_table(table, tmp_path / "a.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    assert not [c for row in sheet.iter_rows() for c in row if c.data_type == "f"]
    text = tables.to_latex(table)
    assert "\\input" not in text
    assert text.count(r"\begin{") == text.count(r"\end{") == 2
    tables.save_table(table, tmp_path / "a.docx")


def test_latex_takes_no_order():
    frame = pd.DataFrame({"study_id": ["\\input{/etc/passwd}", "%", "a & b_$^~#{}"]})
    lines = tables.to_latex(tables.table(frame)).splitlines()
    assert r"\textbackslash{}input\{/etc/passwd\}" in "\n".join(lines)
    assert r"\%" in "\n".join(lines)
    assert r"a \& b\_\$\textasciicircum{}\textasciitilde{}\#\{\}" in "\n".join(lines)


def test_results_in_notebooks(study):
    fit = fit_meta(effect_sizes(study.coefficients))
    for result in (study, fit):
        assert harm(html.fromstring(result._repr_html_())) == []
    drawn = etree.fromstring(render(forest(fit)))
    assert harm(drawn) == []


HALF = "Li\ud800 2001"


def test_a_damaged_sign_is_named():
    table = load_dataset("cesd")
    ids = [HALF, *table["study_id"].iloc[1:]]
    table["study_id"] = pd.Series(ids, dtype=object)
    for compute in (check_coefficients, read_coefficients, read_responses):
        with pytest.raises(
            DataError, match=r"invalid characters .*'Li\\ud800 2001' \(row 0\)"
        ):
            compute(table)
    with pytest.raises(DataError, match=r"the column name 'Li\\ud800 2001'"):
        read_coefficients(pd.DataFrame([[1]], columns=pd.Index([HALF], dtype=object)))


def test_a_damaged_sign_in_a_table_that_no_reader_saw():
    table = load_dataset("cesd")
    damaged = pd.Series([HALF] * len(table), dtype=object)
    for column in ("study_id", "note"):
        words = rf"invalid characters: 'Li\\ud800 2001' in {column}"
        for compute in (effect_sizes, generalize):
            with pytest.raises(DataError, match=words):
                compute(table.assign(**{column: damaged}))


def test_a_title_of_undecoded_bytes_is_shown_by_escapes(study):
    other = generalize(load_dataset("cesd"), title="scores \udcff")
    assert other.title == r"scores \udcff"
    sections = study_sections(other, keep={"summary"})
    assert r"scores \udcff" in study_page(other, sections=sections)


def test_a_file_name_of_undecoded_bytes(tmp_path, capsys):
    path = tmp_path / "a\udcff.csv"
    try:
        load_dataset("cesd").to_csv(path, index=False)
    except (OSError, UnicodeError):
        pytest.skip("this file system takes no such name")
    assert run("check", path) in (0, 2)
    assert run("check", tmp_path / "b\udcff.csv") == 2
    assert r"\udcff" in capsys.readouterr().err


def test_a_name_of_any_length_is_cut():
    assert shorten("x" * 10**6, 2.0) == shorten("x" * 500, 2.0)
    # signs without width of their own
    assert len(shorten("\u0301" * 10**6, 2.0)) <= MOST
    assert text_width(["x" * 10**6]) == text_width(["x" * MOST]) > 30


def test_items_of_any_name():
    items = pd.DataFrame({name: [1, 2, 3, 3] for name in HOSTILE[:4]})
    items.iloc[0, 1] = 2
    assert harm(html.fromstring(cronbach_alpha(items)._repr_html_())) == []
