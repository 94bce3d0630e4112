"""Output appears whole or not at all."""

import os
import signal

import pandas as pd
import pytest

from waistats import DataError
from waistats._files import (
    MANIFEST,
    guarded,
    new_file,
    new_folder,
    read_manifest,
    write_csv,
)


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
    assert sorted(os.listdir(target)) == ["coefficients.csv", MANIFEST]
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


def output(folder, texts, **options):
    with new_folder(folder, **options) as work:
        for name, text in texts.items():
            (work / name).parent.mkdir(exist_ok=True)
            (work / name).write_text(text)


def held(folder):
    files = [p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST]
    return {p.relative_to(folder).as_posix(): p.read_text() for p in files}


OLD = {"report.html": "old", "report.docx": "old", "figures/a.svg": "old"}


def test_the_manifest_names_every_file(tmp_path):
    output(tmp_path / "out", OLD)
    assert sorted(read_manifest(tmp_path / "out")) == sorted(OLD)


def test_only_what_was_written_and_not_changed_is_replaced(tmp_path):
    target = tmp_path / "out"
    output(target, OLD)
    (target / "report.docx").write_text("with my remarks")
    (target / "figures" / "mine.png").write_text("mine")
    (target / "notes").mkdir()
    (target / "notes" / "a.txt").write_text("mine")
    with pytest.warns(UserWarning, match=r"out: report.docx was changed"):
        output(target, {"report.html": "new", "report.docx": "new"}, force=True)
    assert held(target) == {
        "report.html": "new",
        "report.docx": "new",
        "report (2).docx": "with my remarks",
        "figures/mine.png": "mine",
        "notes/a.txt": "mine",
    }
    assert os.listdir(tmp_path) == ["out"]
    # what is foreign stays foreign at the next run
    output(target, {"report.html": "newer"}, force=True)
    assert held(target) == {
        "report.html": "newer",
        "report (2).docx": "with my remarks",
        "figures/mine.png": "mine",
        "notes/a.txt": "mine",
    }


def test_a_folder_where_a_file_is_to_be(tmp_path):
    target = tmp_path / "out"
    output(target, {"report.html": "old"})
    (target / "tables").mkdir()
    (target / "tables" / "mine.csv").write_text("mine")
    output(target, {"tables": "new"}, force=True)
    assert held(target) == {"tables": "new", "tables (2)/mine.csv": "mine"}


def test_a_folder_made_meanwhile_is_left_alone(tmp_path):
    target = tmp_path / "out"

    def run():
        with new_folder(target):
            target.mkdir()
            (target / "thesis.docx").write_text("x")

    with pytest.raises(DataError, match="in the meantime"):
        run()
    assert held(target) == {"thesis.docx": "x"}
    assert os.listdir(tmp_path) == ["out"]


def test_an_empty_folder_made_meanwhile_is_left_alone(tmp_path):
    target = tmp_path / "out"
    with pytest.raises(DataError, match="in the meantime"), new_folder(target):
        target.mkdir()
    assert os.listdir(target) == []


def test_of_two_runs_that_may_replace_the_last_one_wins(tmp_path):
    target = tmp_path / "out"
    output(target, OLD)
    (target / "mine.txt").write_text("mine")
    with new_folder(target, force=True) as work:
        (work / "report.html").write_text("slower")
        output(target, {"report.html": "faster"}, force=True)
    assert held(target) == {"report.html": "slower", "mine.txt": "mine"}
    assert os.listdir(tmp_path) == ["out"]


def test_a_run_that_comes_between_the_two_renames(tmp_path, monkeypatch):
    target = tmp_path / "out"
    output(target, OLD)
    (target / "mine.txt").write_text("mine")
    real = type(target).rename

    def rename(self, other):
        result = real(self, other)
        if self == target:  # the old output is away: another run comes
            monkeypatch.setattr(type(target), "rename", real)
            output(target, {"report.html": "faster"})
        return result

    monkeypatch.setattr(type(target), "rename", rename)
    with pytest.raises(DataError, match="in the meantime"):
        output(target, {"report.html": "slower"}, force=True)
    assert held(target) == {"report.html": "faster", "mine.txt": "mine"}
    assert os.listdir(tmp_path) == ["out"]


def test_a_folder_named_previous_that_is_not_ours_is_kept(tmp_path):
    target, other = tmp_path / "out", tmp_path / "out.previous"
    output(target, OLD)
    other.mkdir()
    (other / "thesis.docx").write_text("x")
    output(target, {"report.html": "new"}, force=True)
    assert held(target) == {"report.html": "new"}
    assert held(other) == {"thesis.docx": "x"}
    assert sorted(os.listdir(tmp_path)) == ["out", "out.previous"]


def test_a_folder_without_a_manifest_is_never_replaced(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "thesis.docx").write_text("x")
    (target / "report.html").write_text("x")
    with (
        pytest.raises(DataError, match=r"holds report.html, thesis.docx\)"),
        new_folder(target, force=True),
    ):
        pass
    assert sorted(os.listdir(target)) == ["report.html", "thesis.docx"]


def test_a_linked_folder_stays_one(tmp_path):
    real, target = tmp_path / "real", tmp_path / "out"
    output(real, OLD)
    target.symlink_to(real, target_is_directory=True)
    output(target, {"report.html": "new"}, force=True)
    assert target.is_symlink()
    assert held(real) == {"report.html": "new"}


def test_links_in_a_folder_are_not_followed(tmp_path):
    target, far = tmp_path / "out", tmp_path / "far"
    far.mkdir()
    (far / "data.csv").write_text("x")
    output(target, OLD)
    (target / "far").symlink_to(far, target_is_directory=True)
    output(target, {"report.html": "new"}, force=True)
    assert (target / "far").is_symlink()
    assert held(far) == {"data.csv": "x"}


def test_a_file_made_meanwhile_is_left_alone(tmp_path):
    target = tmp_path / "a.csv"

    def run():
        with new_file(target, force=False):
            target.write_text("theirs")

    with pytest.raises(DataError, match="already exists"):
        run()
    assert target.read_text() == "theirs"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_a_library_leaves_signals_alone(tmp_path):
    handler = signal.getsignal(signal.SIGINT)
    with new_file(tmp_path / "a.csv"), new_folder(tmp_path / "out"):
        assert signal.getsignal(signal.SIGINT) is handler
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("name", ["", " ", "/", "a\0b"])
def test_names_that_are_none(name):
    for place in (new_folder, new_file):
        with pytest.raises(DataError, match="is not a name for an output"), place(name):
            pass


def test_a_device_is_no_file_to_replace(tmp_path):
    with pytest.raises(DataError, match="not a regular file"), new_file(os.devnull):
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
