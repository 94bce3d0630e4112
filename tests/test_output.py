"""Output appears whole or not at all."""

import os

import pandas as pd
import pytest

from waistats.errors import DataError
from waistats.output import guarded, new_file, new_folder, write_csv


def _fail(place, name=None):
    with place as work:
        (work / name if name else work).write_text("half")
        raise RuntimeError("half way")


def test_folder_appears_when_done(tmp_path):
    target = tmp_path / "ergebnis ü" / "out"
    with new_folder(target) as work:
        (work / "a").write_text("x")
        assert not target.exists()
    assert (target / "a").read_text() == "x"
    assert os.listdir(target.parent) == ["out"]


def test_folder_is_left_alone_on_failure(tmp_path):
    target = tmp_path / "out"
    with new_folder(target) as work:
        (work / "report.html").write_text("old")
    with pytest.raises(RuntimeError, match="half way"):
        _fail(new_folder(target, force=True), "report.html")
    assert (target / "report.html").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]
    with pytest.raises(DataError, match="already exists"), new_folder(target):
        pass
    with new_folder(target, force=True) as work:
        (work / "coefficients.csv").write_text("new")
    assert os.listdir(target) == ["coefficients.csv"]
    assert os.listdir(tmp_path) == ["out"]


def test_places_that_cannot_be_written(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(DataError, match="is a file"), new_folder(file, force=True):
        pass
    with pytest.raises(DataError, match="cannot be written"), new_folder(file / "sub"):
        pass
    with pytest.raises(DataError, match="is a folder"), new_file(tmp_path):
        pass


def test_file_is_replaced_whole(tmp_path):
    target = tmp_path / "a.csv"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="half way"):
        _fail(new_file(target))
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.csv"]
    with (
        pytest.raises(DataError, match="already exists"),
        new_file(target, force=False),
    ):
        pass


def test_no_text_is_taken_for_a_formula(tmp_path):
    frame = pd.DataFrame({"a": ["=1+1", "+x", "-x", "@x", "ok", ""], "b": -1.5})
    assert list(guarded(frame)["a"]) == ["'=1+1", "'+x", "'-x", "'@x", "ok", ""]
    write_csv(frame, tmp_path / "x.csv")
    back = pd.read_csv(tmp_path / "x.csv")
    assert (back["b"] == -1.5).all()
    assert not any(str(v).startswith(("=", "+", "-", "@")) for v in back["a"].dropna())
