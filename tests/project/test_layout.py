"""The folder of a study: its files, its settings, rows that are added."""

import re

import pandas as pd
import pytest

from waistats import DataError
from waistats._files import MANIFEST
from waistats.project.layout import add_rows, new_project, read_project
from waistats.project.run import run_project


def settings(folder, text):
    path = folder / "waistats.toml"
    path.write_text(path.read_text() + text)


def test_a_new_folder_says_what_belongs_into_it(tmp_path):
    place = new_project(tmp_path / "study")
    names = {p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file()}
    assert names == {
        "waistats.toml", "protocol.md", "texts.toml", "search/README.md",
        "responses/README.md", "coding/first.csv", "coding/second.csv", MANIFEST,
    }  # fmt: skip
    with pytest.raises(DataError, match="already exists"):
        new_project(place)
    with pytest.raises(DataError, match="there are no coefficients yet"):
        run_project(place)


def test_rows_are_added_once(folder, sheet, tmp_path):
    more = tmp_path / "more.csv"
    sheet.iloc[8:10].to_csv(more, index=False)
    assert add_rows(read_project(folder), more) == 2
    with pytest.raises(DataError, match=r"are in coding/first.csv already"):
        add_rows(read_project(folder), more)
    assert len(pd.read_csv(folder / "coding" / "first.csv")) == 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n[studdy]\n", "'studdy' is not a setting"),
        ("\n[[responses]]\nfile = 'x.sav'\n", "there is no responses/x.sav"),
        ("\n[[responses]]\nstudy = 'a'\n", "file is missing"),
        ("\n[[responses]]\nfile = 'x.sav'\ninstrment = 'WAI-S'\n", "did you mean"),
        ("\nx = [", "is not valid TOML"),
    ],
)
def test_settings_that_cannot_be_used(folder, text, said):
    settings(folder, text)
    with pytest.raises(DataError, match=said):
        read_project(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[report]\nforest_columns = "n"\n', "forest_columns must be a list of names"),
        (
            '[report]\nfigure_format = ["gif"]\n',
            "figure_format must be of svg, png, pdf",
        ),
        ('[report]\ntheme = "blue"\n', "theme must be one of colour, grey, apa"),
        ("[report]\nforest_by = 3\n", "forest_by must be the name of one column"),
        ("[report]\nforest_colums = []\n", "'forest_colums' is not a setting"),
    ],
)
def test_settings_of_reports_that_cannot_be_used(folder, text, said):
    path = folder / "waistats.toml"
    whole = path.read_text()
    start, end = whole.index("[report]"), whole.index("[conclusion]")
    path.write_text(whole[:start] + text + whole[end:])
    with pytest.raises(DataError, match=re.escape(said)):
        read_project(folder)
