"""Output appears whole or not at all."""

import os

import pandas as pd
import pytest

from waistats._files import guarded, new_file, new_folder, stopped, write_csv
from waistats.errors import DataError


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


def test_what_was_told_to_stop_replaces_nothing(tmp_path):
    """Even where a library has swallowed the KeyboardInterrupt."""
    target = tmp_path / "a.csv"
    target.write_text("old")
    stopped.set()
    try:
        for place in (new_file(target), new_folder(tmp_path / "out")):
            with pytest.raises(KeyboardInterrupt), place:
                pass
    finally:
        stopped.clear()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.csv"]


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


def test_a_folder_named_previous_that_is_not_ours_is_kept(tmp_path):
    target, other = tmp_path / "out", tmp_path / "out.previous"
    for folder, name in ((target, "report.html"), (other, "thesis.docx")):
        folder.mkdir()
        (folder / name).write_text("x")
    with (
        pytest.raises(DataError, match=r"out.previous: holds what .* \(thesis.docx\)"),
        new_folder(target, force=True),
    ):
        pass
    assert (other / "thesis.docx").read_text() == "x"
    # nothing is replaced, so nothing is moved there
    with new_folder(tmp_path / "new", force=True):
        pass


def test_a_folder_with_work_in_it_is_never_replaced(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "thesis.docx").write_text("x")
    with (
        pytest.raises(DataError, match=r"did not write \(thesis.docx\)"),
        new_folder(target, force=True),
    ):
        pass
    assert os.listdir(target) == ["thesis.docx"]


def test_a_link_is_replaced_without_what_it_points_to(tmp_path):
    real, target = tmp_path / "real", tmp_path / "out"
    real.mkdir()
    (real / "report.html").write_text("old")
    target.symlink_to(real, target_is_directory=True)
    with new_folder(target, force=True) as work:
        (work / "report.html").write_text("new")
    assert (target / "report.html").read_text() == "new"
    assert (real / "report.html").read_text() == "old"


@pytest.mark.parametrize("name", ["", " ", "/", "a\0b"])
def test_names_that_are_none(name):
    for place in (new_folder, new_file):
        with pytest.raises(DataError, match="is no name for an output"), place(name):
            pass


def test_a_device_is_no_file_to_replace(tmp_path):
    with pytest.raises(DataError, match="no ordinary file"), new_file(os.devnull):
        pass


def test_a_file_of_a_folder_is_named_as_it_was_to_be(tmp_path):
    target = tmp_path / "out"

    def write():
        with new_folder(target) as work, new_file(work / "tables" / "a.csv"):
            raise OSError(28, "No space left on device")

    with pytest.raises(DataError) as caught:
        write()
    place = target / "tables" / "a.csv"
    assert str(caught.value).startswith(f"{place}: cannot be written (No space left")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_the_mask_of_the_user_holds(tmp_path):
    before = os.umask(0o077)
    try:
        with new_folder(tmp_path / "out"), new_file(tmp_path / "a.csv"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o600
