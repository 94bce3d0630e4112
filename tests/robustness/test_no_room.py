"""A full disk and a place that may not be written: words, the old output, no litter."""

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hostile import run

from waistats import (
    DataError,
    effect_sizes,
    fit_meta,
    generalize,
    load_dataset,
    simulate_responses,
    tables,
)
from waistats._files import write_csv, write_manifest
from waistats.figures import forest, save as save_figure
from waistats.report import render_html as report_page
from waistats.rg.coding import write_template

LIMITED = """
import resource, sys
from waistats.cli import main
# a file of 900 bytes fills this disk
resource.setrlimit(resource.RLIMIT_FSIZE, (900, 900))
codes = [main(words.split("|")) for words in sys.argv[1:]]
sys.exit(codes != [2] * len(codes))
"""
ADVICE = "Choose another place with enough room and permission to write."


@pytest.fixture
def items(tmp_path):
    path = tmp_path / "items.csv"
    simulate_responses("WAI-SR", studies=3, n=20, seed=1).to_csv(path, index=False)
    return path


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_files_that_may_not_grow(items, tmp_path):
    out, sheet = tmp_path / "out ü", tmp_path / "leer.xlsx"
    out.mkdir()
    (out / "coefficients.csv").write_text("old")
    write_manifest(out)
    sheet.write_text("old")
    words = f"alpha|{items}|--study|study_id|--instrument|WAI-SR|--output|"
    done = subprocess.run(
        [
            sys.executable, "-c", LIMITED,
            f"{words}{out}|--force", f"{words}{tmp_path / 'new'}",
            f"template|{sheet}|--force", f"template|{tmp_path / 'new.xlsx'}",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert len(said) == 4
    for line, place in zip(said[:2], ["out ü", "new"], strict=True):
        assert line.startswith(f"Error: {tmp_path / place}")
        assert "cannot be written (File too large)" in line
        assert line.endswith(ADVICE)
    for line in said[2:]:
        assert line.startswith(
            f"Error: {tempfile.gettempdir()}: temporary files cannot"
        )
    assert sorted(os.listdir(tmp_path)) == ["items.csv", "leer.xlsx", "out ü"]
    assert (out / "coefficients.csv").read_text() == "old"
    assert sheet.read_text() == "old"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_standard_output_that_takes_nothing():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "waistats", "data", "list"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "Error: No space left on device.\n"


WRITERS = {
    "a.csv": lambda path: write_csv(pd.DataFrame({"a": ["x"]}), path),
    "b.csv": lambda path: tables.save_table(tables.table(_frame()), path),
    "c.xlsx": lambda path: tables.save_table(tables.table(_frame()), path),
    "d.docx": lambda path: tables.save_table(tables.table(_frame()), path),
    "e.html": lambda path: tables.save_table(tables.table(_frame()), path),
    "f.xlsx": lambda path: write_template(path, force=True),
    "g.svg": lambda path: save_figure(_forest(), path),
    "h.png": lambda path: save_figure(_forest(), path),
    "i.html": lambda path: _report(path),
}


def _frame():
    return pd.DataFrame({"study_id": ["A", "B"], "estimate": [0.9, 0.8]})


def _forest():
    return forest(fit_meta(effect_sizes(load_dataset("cesd"))))


def _report(path):
    return report_page.write_report(generalize(load_dataset("cesd")), path)


@pytest.mark.parametrize("name", WRITERS)
def test_every_writer_without_room(name, tmp_path, monkeypatch):
    target = tmp_path / "grö ße" / name
    target.parent.mkdir()
    target.write_text("old")

    def refused(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", refused)
    monkeypatch.setattr(pd.DataFrame, "to_csv", refused)
    if name == "i.html":
        monkeypatch.setattr(report_page, "study_page", lambda *args, **kwargs: "new")
    with pytest.raises(DataError, match="cannot be written") as caught:
        WRITERS[name](target)
    assert str(caught.value).startswith(str(target))
    assert "(No space left on device)" in str(caught.value)
    assert target.read_text() == "old"
    assert os.listdir(target.parent) == [name]


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="modes do not bind this user"
)
def test_a_folder_that_may_not_be_written(items, tmp_path, capsys):
    place = tmp_path / "closed"
    place.mkdir(mode=0o555)
    words = ["--study", "study_id", "--instrument", "WAI-SR", "--output"]
    assert run("alpha", items, *words, place / "out") == 2
    assert "(Permission denied). " + ADVICE in capsys.readouterr().err
    assert run("template", place / "a.xlsx") == 2
    assert list(place.iterdir()) == []
