"""Stopped, killed or out of room at any moment: the old or the new output is whole."""

import errno
import itertools
import os
import signal
import subprocess
import sys
import time
import traceback
import warnings

import pytest

from waistats import DataError, simulate_responses
from waistats._files import MANIFEST, new_file, new_folder, set_shield, write_manifest
from waistats.cli._terminal import unless_stopped

OLD = {"report.html": "old", "tables/a.csv": "1\n", "tables/b.csv": "2\n"}
NEW = {"report.html": "new", "figures/c.svg": "3\n"}
CODES = {"kill": 137, "stop": 130, "full": 2}

forked = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def fill(folder, texts):
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def fill_output(folder, texts):
    fill(folder, texts)
    write_manifest(folder)


def held(folder):
    """Return the texts of a folder by name, or nothing where there is none."""
    files = [p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST]
    return {
        p.relative_to(folder).as_posix(): p.read_bytes().decode(errors="replace")
        for p in files
    }


def write_folder(target):
    with new_folder(target, force=True) as work:
        fill(work, NEW)


def write_file(target):
    with new_file(target) as work:
        work.write_text("new")


def full():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


TROUBLE = {
    "kill": lambda: os._exit(CODES["kill"]),
    "stop": lambda: signal.raise_signal(signal.SIGINT),
    "full": full,
}
# what Python tells of each step that changes a disk
STEPS = ("os.", "open")


def troubled(write, target, kind, step):
    """Write in a child that meets trouble at one step; return its exit code."""
    with warnings.catch_warnings():
        # the child only writes files; it takes no lock that another thread may hold
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        seen = itertools.count(1)
        # as the command line does
        signal.signal(signal.SIGINT, signal.default_int_handler)
        set_shield(unless_stopped)

        def watch(event, _):
            if event.startswith(STEPS) and next(seen) == step:
                TROUBLE[kind]()

        code = 1
        try:
            sys.addaudithook(watch)
            write(target)
            code = 0
        except KeyboardInterrupt:
            code = CODES["stop"]
        except DataError:
            code = CODES["full"]
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def each_step(write, kind, tmp_path, name):
    """Yield target and exit code of a run for each step at which trouble comes.

    A run takes fewer steps than are tried; the last runs meet no trouble.
    """
    for step in range(1, 60 if write is write_folder else 12):
        target = tmp_path / f"{kind} {step}" / name
        target.parent.mkdir()
        if write is write_folder:
            fill_output(target, OLD)
        else:
            target.write_text("old")
        yield target, troubled(write, target, kind, step)


@forked
@pytest.mark.parametrize("kind", TROUBLE)
def test_a_folder_is_old_or_new_at_every_step(kind, tmp_path):
    codes = set()
    for target, code in each_step(write_folder, kind, tmp_path, "out ü"):
        codes.add(code)
        previous = target.with_name("out ü.previous")
        if target.exists() and held(target):
            assert held(target) in (OLD, NEW)
        else:  # between two renames
            assert kind == "kill"
            assert held(previous) == OLD
        if code == 0:
            assert held(target) == NEW
        if kind == "stop":
            assert os.listdir(target.parent) == ["out ü"]
        # what is left hinders no later run
        write_folder(target)
        write_folder(target)
        assert held(target) == NEW
        assert not previous.exists()
    assert codes == {0, CODES[kind]}


@forked
@pytest.mark.parametrize("kind", TROUBLE)
def test_a_file_is_old_or_new_at_every_step(kind, tmp_path):
    codes = set()
    for target, code in each_step(write_file, kind, tmp_path, "a b.csv"):
        assert target.read_text() in (["new"] if code == 0 else ["old", "new"])
        if kind != "kill":
            assert os.listdir(target.parent) == ["a b.csv"]
        codes.add(code)
    assert codes == {0, CODES[kind]}


def begun(folder, process):
    """Wait for the temporary folder of the job; return whether it was seen."""
    while process.poll() is None:
        if any(name.startswith(".out") for name in os.listdir(folder)):
            return True
        time.sleep(0.001)
    return False


# seconds from the start of the work to the signal
MOMENTS = [(signal.SIGINT, 0.0), (signal.SIGTERM, 0.7), (signal.SIGKILL, 0.3)]
# a signal on its way through an exec(), as in imports, makes Python end by that signal,
# although it was answered; shells call both 130
INTERRUPTED = (130, -signal.SIGINT)

signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")


def hear():
    """Hear SIGINT, even where the tests run in the background of a shell."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(*words):
    return subprocess.Popen(
        [sys.executable, "-m", "waistats", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear,
    )


@signals
@pytest.mark.slow
@pytest.mark.parametrize(("number", "wait"), MOMENTS)
def test_the_main_job_is_stopped(number, wait, tmp_path):
    target = tmp_path / "out ü"
    fill_output(target, OLD)
    with start("reproduce", "--force", "--output", target) as process:
        assert begun(tmp_path, process), process.communicate()
        time.sleep(wait)
        process.send_signal(number)
        _, said = process.communicate()
    assert held(target) == OLD
    assert "Traceback" not in said
    if number == signal.SIGKILL:
        assert process.returncode == -number
    else:
        assert process.returncode in INTERRUPTED
        assert said == "Interrupted; no partial output was kept.\n"
        assert os.listdir(tmp_path) == ["out ü"]


@signals
@pytest.mark.slow
def test_a_job_is_stopped_at_its_end(tmp_path):
    items = simulate_responses("WAI-SR", studies=2, n=20, seed=1)
    items.to_csv(tmp_path / "items.csv", index=False)
    target = tmp_path / "out ü"
    fill_output(target, OLD)
    words = ["--study", "study_id", "--instrument", "WAI-SR", "--force", "--output"]
    with start("alpha", tmp_path / "items.csv", *words, target) as process:
        # its folder stands for milliseconds: where the job is faster it ends well
        begun(tmp_path, process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert "Traceback" not in said
    assert sorted(os.listdir(tmp_path)) == ["items.csv", "out ü"]
    if held(target) != OLD:
        assert sorted(held(target)) == ["coefficients.csv", "covariance.csv"]
        assert held(target)["coefficients.csv"].count("\n") == 9


@signals
@pytest.mark.parametrize("when", ["typer", "waistats.cli.study", "waistats.errors"])
def test_a_stop_while_the_program_loads_ends_it_without_a_word(when):
    """SIGINT at the import of a module, as in the first tenths of a second."""
    script = f"""
import signal, sys

class Stop:
    def find_spec(self, name, path=None, target=None):
        if name == {when!r}:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Stop())
sys.argv = ["waistats", "--help"]
from waistats.__main__ import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        preexec_fn=hear,
        check=False,
    )
    assert done.returncode in INTERRUPTED
    assert done.stderr == done.stdout == ""


@signals
def test_a_stop_while_options_are_put_together_is_heard(monkeypatch, capsys):
    """Before a command runs, the program stops as it does within one."""
    import typer

    from waistats.cli import app

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(typer.main, "get_command", stop)
    assert app.main(["--help"]) == 130
    assert "Interrupted" in capsys.readouterr().err
