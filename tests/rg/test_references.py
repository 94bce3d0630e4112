import pandas as pd
import pytest

from waistats import DataError
from waistats.rg.references import (
    read_references,
    reference_text,
    study_references,
    write_references,
)

BIB = r"""
@comment{no reference}
@article{horvath1989,
  author = {Horvath, Adam O. and Greenberg, Leslie S.},
  title = {Development and validation of the {Working Alliance Inventory}},
  journal = "Journal of Counseling Psychology", year = 1989,
  volume = {36}, number = {2}, pages = {223--233},
  doi = {10.1037/0022-0167.36.2.223},
}
@phdthesis{mueller, author={M{\"u}ller, J{\'o}zef}, title={Ein \& zwei},
  school={Universit\"at Z\"urich}, year={2004}}
"""


@pytest.fixture
def bib(tmp_path):
    path = tmp_path / "r.bib"
    path.write_text(BIB, encoding="utf-8")
    return path


def test_bibtex_with_braces_accents_and_quotes(bib):
    frame = read_references(bib)
    first, second = frame.to_dict("records")
    assert first["study_id"] == "horvath1989"
    assert first["authors"] == "Horvath, Adam O.; Greenberg, Leslie S."
    assert first["title"].endswith("of the Working Alliance Inventory")
    assert (first["year"], first["pages"]) == ("1989", "223-233")
    assert second["authors"] == "Müller, Józef"
    assert second["title"] == "Ein & zwei"
    assert (second["kind"], second["publisher"]) == ("thesis", "Universität Zürich")


@pytest.mark.parametrize("suffix", ["bib", "ris"])
def test_what_is_written_is_read_again(bib, tmp_path, suffix):
    frame = read_references(bib)
    path = write_references(frame, tmp_path / f"out.{suffix}")
    pd.testing.assert_frame_equal(read_references(path), frame)


def test_apa_form(bib):
    row = read_references(bib).iloc[0]
    assert reference_text(row) == (
        "Horvath, Adam O., & Greenberg, Leslie S. (1989). Development and validation "
        "of the Working Alliance Inventory. Journal of Counseling Psychology, 36(2), "
        "223–233. https://doi.org/10.1037/0022-0167.36.2.223"
    )
    assert reference_text({"study_id": "S 1"}) == "S 1 (n.d.)."


def test_one_reference_a_study_from_a_coding_sheet():
    sheet = pd.DataFrame(
        {
            "study_id": ["A", "A", "B"],
            "authors": ["", "Li, X.", "Roe, J."],
            "year": [2001.0, 2001.0, None],
            "doi": [None, "10.1/x", None],
        }
    )
    frame = study_references(sheet)
    assert list(frame["study_id"]) == ["A", "B"]
    assert list(frame.loc[0, ["authors", "year", "doi"]]) == [
        "Li, X.",
        "2001",
        "10.1/x",
    ]


def test_files_that_are_none(tmp_path):
    empty = tmp_path / "e.ris"
    empty.write_text("nothing", encoding="utf-8")
    with pytest.raises(DataError, match="no reference was found"):
        read_references(empty)
    with pytest.raises(DataError, match="no such file"):
        read_references(tmp_path / "x.bib")
    with pytest.raises(DataError, match=r"\.bib or \.ris"):
        write_references(pd.DataFrame({"study_id": ["A"]}), tmp_path / "x.txt")
