"""The page: valid, whole in one file, readable, and safe whatever the data say."""

import base64
import hashlib
import re
from urllib.parse import unquote

import numpy as np
import pytest
from lxml import html
from report_words import text_of

from waistats import DataError, generalize, load_dataset, read_coefficients
from waistats.report.render_html import study_page
from waistats.report.sections import study_sections


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
    assert not tree.xpath("//link | //iframe | //object | //embed")
    for source in tree.xpath("//@src"):
        assert source.startswith("data:image/svg+xml,%3Csvg ")
        assert "http" not in re.sub(r"xmlns(:xlink)?='[^']*'", "", source)
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


def test_figures_say_what_they_show(page):
    tree = html.fromstring(page)
    drawings = tree.xpath("//figure/div[@class='scroll']/*[local-name()='svg']")
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
    # parts of figures, shown in print alone
    assert set(tree.xpath("//table[@class='slices']/@aria-hidden")) == {"true"}
    for table in tree.xpath("//table[not(@class='slices')]"):
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
    assert not tree.xpath(
        "//img[not(starts-with(@src, 'data:image/svg'))] | //@onerror"
    )
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


def test_report_refuses_other_files(wai, tmp_path):
    with pytest.raises(DataError, match=r"a page \(.html\) or a Word document"):
        wai.report(tmp_path / "report.pdf")
    path = tmp_path / "report.html"
    path.write_text("mine", encoding="utf-8")
    few = generalize(load_dataset("cesd").head(2))
    with pytest.raises(DataError, match="already exists"):
        few.report(path, force=False)
    assert path.read_text(encoding="utf-8") == "mine"


def test_tall_figures_are_whole_in_their_slices(page):
    """Head, bands and foot follow each other, and are all of the figure."""
    tree = html.fromstring(page)
    seen = 0
    for figure in tree.xpath("//figure[@class='cut']"):
        (whole,) = figure.xpath(".//div[@class='scroll']/svg/@viewbox")
        height = float(whole.split()[3])
        place = None
        for part in ("thead", "tbody", "tfoot"):
            for drawn in figure.xpath(f".//{part}//img/@src | .//{part}//svg/@viewbox"):
                box = re.search(r"viewBox='([^']*)'", drawn)
                _, top, _, tall = map(float, (box[1] if box else drawn).split())
                # a head of which nothing is drawn is left out
                assert top < 30 if place is None else abs(top - place) < 0.02
                place = top + tall
        assert height - 12 < place < height + 0.1
        for name in figure.xpath(".//tbody//use/@*[contains(name(), 'href')]"):
            assert len(tree.xpath(f"//*[@id='{name[1:]}']")) == 1
        seen += 1
    assert seen >= 3


def test_heads_and_axes_of_slices_bring_their_letters(page):
    strips = html.fromstring(page).xpath("//table[@class='slices']//img/@src")
    assert len(strips) >= 4
    for head in strips:
        shown = unquote(head)
        uses = set(re.findall(r"href='#([^']+)'", shown))
        brought = set(re.findall(r" id='([^']+)'", shown))
        assert uses <= brought
        assert any(name.startswith("DejaVu") for name in uses)


def test_letters_are_drawn_once_on_a_page(page):
    tree = html.fromstring(page)
    ids = tree.xpath("//@id")
    assert 40 < sum(name.startswith("DejaVu") for name in ids) < 200
