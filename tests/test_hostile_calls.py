"""The command line on any file with any options: exit code 0 or 2, words, whole output."""

import pytest
from hostile import bounded, run
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import delimited

import waistats.report.folder as report_folder


@pytest.fixture
def quick_report(monkeypatch):
    """The command line without drawing, which takes seconds and has its own tests."""

    def write(study, folder, call, *, word=False):
        (folder / "report.html").write_text(f"{study}{study.screen}", "utf-8")

    monkeypatch.setattr(report_folder, "write_study", write)


@settings(bounded, max_examples=40)
@given(
    content=delimited(),
    command=st.sampled_from(["check", "generalize", "alpha"]),
    options=st.lists(
        st.sampled_from(
            ["--by|", "--by|rater", "--by|n", "--columns|a=b", "--columns|n=estimate",
             "--measure|raw", "--method|DL", "--method|reml", "--conf-level|1e-300",
             "--conf-level|0.5", "--within-correlation|2", "--sheet|x",
             "--moderators|~ n", "--moderators|~ (", "--nosuch|1", "--title|<b>\n"],
        ),
        max_size=2,
    ),
)  # fmt: skip
def test_any_file_any_options(
    content, command, options, tmp_path, quick_report, capsys
):
    path, out = tmp_path / "data ü.csv", tmp_path / "out"
    path.write_bytes(content)
    words = [w for option in options for w in option.split("|")]
    if command == "alpha":
        words += ["--study", "study_id", "--items", "n,n_items"]
    if command != "check":
        words += ["--output", out, "--force"]
    code = run(command, path, *words)
    printed = capsys.readouterr()
    assert code in (0, 2)
    assert "Traceback" not in printed.err
    if code == 2 and command != "check":
        assert printed.err.startswith(("Error: ", "Usage: "))
        assert not out.exists() or any(out.iterdir())
    assert {p.name for p in tmp_path.iterdir()} <= {path.name, "out"}
