"""The command line on any file with any options: exit code 0 or 2, words, whole output."""

import re

import pytest
from hostile import KINDS, bounded, run, write
from hypothesis import assume, given, settings, strategies as st
from strategies import damaged, delimited, nearly_sound

import waistats.report.folder as report_folder


@pytest.fixture
def quick_report(monkeypatch):
    """The command line without drawing, which takes seconds and has its own tests."""

    def write(study, folder, call, **options):
        (folder / "report.html").write_text(f"{study}{study.screen}", "utf-8")

    monkeypatch.setattr(report_folder, "write_study", write)


COMMON = ["--conf-level|1e-300", "--conf-level|0.5", "--conf-level|nan", "--sheet|x",
          "--nosuch|1"]  # fmt: skip
TABLE = ["--columns|a=b", "--columns|n=estimate", "--columns|x", "--moderators|~ n",
         "--moderators|~ (", "--moderators|~ x"]  # fmt: skip
# what each command needs, and what else it may be given
SENSIBLE = {
    "check": ([], ["--columns|a=b", "--columns|n=estimate", "--sheet|x"]),
    "generalize": (
        [],
        [*COMMON, *TABLE, "--by|", "--by|rater", "--by|n", "--measure|raw",
         "--measure|hakstian-whalen", "--method|DL", "--method|reml",
         "--bias|exact", "--bias|most", "--within-correlation|2",
         "--within-correlation|.5", "--title|<b>\n"],
    ),
    "alpha": (
        ["--study", "study_id", "--items", "n,n_items"],
        [*COMMON, "--items|estimate,x", "--items|,", "--missing|em", "--study|rater",
         "--coefficient|omega_total", "--ci|bca", "--labels|a,b", "--instrument|=1"],
    ),
    "predict": (
        ["--n", "30"],
        [*COMMON, *TABLE, "--n|30,100", "--n|0", "--n|x", "--n-items|1", "--n-items|6",
         "--rater|nobody", "--rater|client", "--instrument|WAI-SR"],
    ),
}  # fmt: skip


@st.composite
def calls(draw):
    """Draw a command with what it needs and up to two options."""
    command = draw(st.sampled_from(list(SENSIBLE)))
    needed, options = SENSIBLE[command]
    chosen = draw(st.lists(st.sampled_from(options), max_size=2))
    return command, [*needed, *(w for option in chosen for w in option.split("|"))]


@pytest.fixture
def call(tmp_path, quick_report, capsys):
    """Run a command on a file and hold it to what every run keeps."""

    def run_on(command, path, words):
        out = tmp_path / "out ü"
        if command in ("generalize", "alpha"):
            words = [*words, "--output", out, "--force"]
        before = {p.name for p in tmp_path.iterdir()} | {out.name}
        content = path.read_bytes()
        code = run(command, path, *words)
        printed = capsys.readouterr()
        assert code in (0, 2)
        assert "Traceback" not in printed.err + printed.out
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", printed.out)
        if code == 2:
            assert len(printed.err + printed.out) > 30
            if command != "check":
                assert printed.err.startswith(("Error: ", "Usage: "))
        assert path.read_bytes() == content
        assert {p.name for p in tmp_path.iterdir()} <= before
        assert not out.exists() or any(out.iterdir())
        return code

    return run_on


@settings(bounded, max_examples=40)
@given(
    content=delimited(),
    words=calls(),
)
def test_any_file_any_options(content, words, call, tmp_path):
    path = tmp_path / "data ü.csv"
    path.write_bytes(content)
    call(words[0], path, words[1])


@pytest.mark.slow
@settings(bounded, max_examples=40)
@given(
    table=nearly_sound(),
    kind=st.sampled_from(KINDS),
    words=calls(),
    data=st.data(),
)
def test_nearly_sound_files(table, kind, words, data, call, tmp_path):
    path = tmp_path / f"größe 1.{kind}"
    try:
        # a column of a typed file holds one type
        write(table.astype("string") if kind == "parquet" else table, path)
    except Exception:
        # what another library does not write is no file to read
        assume(False)
    if data.draw(st.integers(0, 5)) == 0:
        path.write_bytes(data.draw(damaged(path.read_bytes())))
    call(words[0], path, words[1])
    path.unlink()


@pytest.mark.parametrize(
    "words",
    [
        ["template", "a.txt"],
        ["template", ""],
        ["template", "/"],
        ["data", "fetch", "<script>"],
        ["data", "fetch", "wai"],
        ["data", "path", "../../etc/passwd"],
        ["data", "path", ""],
        ["data", "nothing"],
        ["data", "list", "more"],
        ["predict", "/dev/null"],
        ["check", "/dev/zero"],
        ["check", "x" * 5000],
        ["generalize", "~nobody/a.csv"],
        ["alpha", "a.csv", "--study", "", "--items", ","],
    ],
)
def test_calls_without_sense(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(*words) == 2
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    assert printed.err.startswith(("Error: ", "Usage: "))
    assert list(tmp_path.iterdir()) == []
