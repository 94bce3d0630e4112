"""The page and the command that say which analyses print reported figures."""

import pandas as pd
import pytest
from hostile import run
from lxml import html

from waistats import load_dataset, retrace
from waistats.report.retraced import retraced_page

TOLD = ["--mean", ".905", "--limits", ".885,.922"]


@pytest.fixture
def cesd(tmp_path):
    path = tmp_path / "cesd.csv"
    load_dataset("cesd").to_csv(path, index=False)
    return path


def test_the_command(cesd, tmp_path, capsys):
    out = tmp_path / "out"
    assert run("retrace", cesd, *TOLD, "--i2", "81.4", "--output", out) == 0
    said = capsys.readouterr().out
    assert "does not say which of them was used" in said
    table = pd.read_csv(out / "specifications.csv")
    fits = table[table["distance"].eq(0) & table["printing"].notna()]
    found = retrace(
        load_dataset("cesd"), {"mean": ".905", "ci": (".885", ".922"), "I2": "81.4"}
    )
    assert len(fits) == found.n_matches > 0
    page = html.parse(str(out / "report.html"))
    assert page.xpath("//h1")[0].text == "Which Analyses Print the Reported Figures?"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name at least one printed figure: --mean"),
        (["--limits", ".9"], "--limits takes two limits"),
        (["--mean", "x"], "a number as it was printed"),
    ],
)
def test_words_that_cannot_be_read(words, said, cesd, capsys):
    assert run("retrace", cesd, *words) == 2
    assert said in capsys.readouterr().err


def test_a_page_where_nothing_fits():
    found = retrace(load_dataset("cesd"), {"mean": ".99"})
    page = html.fromstring(retraced_page(found))
    assert "Nearest Specifications" in [h.text for h in page.xpath("//h2")]


def test_the_shares_of_the_options_add_up():
    found = retrace(load_dataset("cesd"), {"mean": ".905", "ci": (".885", ".922")})
    page = html.fromstring(retraced_page(found))
    table = page.xpath("//section[@aria-labelledby='choices']//table")[0]
    rows = [[c.text_content() for c in r.xpath("td")] for r in table.xpath(".//tr")]
    models = [int(r[1]) for r in rows if r and r[0] in ("REML", "DL", "PM", "CE")]
    assert len(models) == 4
    assert sum(models) <= found.n_matches
