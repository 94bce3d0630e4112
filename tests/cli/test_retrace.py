"""The command `retrace`: printed figures to the analyses that print them."""

import pandas as pd
import pytest
from hostile import run
from lxml import html

from waistats import load_dataset, retrace

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
