"""Part of a command's work in a second process: the same result however it ends."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import pytest

import waistats
from waistats.cli import _aside
from waistats.cli._aside import Aside, processors

TASKS = """
import os, time, warnings

def squares(n, where):
    for i in range(n):
        yield f"step {i}"
    print("what a library prints is no message")
    warnings.warn("said aside")
    with open(where, "a") as file:
        file.write(f"{os.getpid()}\\n")
    return [i * i for i in range(n)]

def dies(first, where):
    if not os.path.exists(where):
        open(where, "w").close()
        yield "half"
        os._exit(3)
    yield "whole"
    return first

def fails(message):
    yield "begun"
    raise ValueError(message)

def sleeps(where):
    with open(where, "w") as file:
        file.write(str(os.getpid()))
    yield "asleep"
    time.sleep(60)

def unsendable():
    yield "made"
    return lambda: 1
"""


@pytest.fixture
def tasks(tmp_path, monkeypatch):
    (tmp_path / "aside_tasks.py").write_text(TASKS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(_aside, "processors", lambda: 2)
    yield "aside_tasks:"
    sys.modules.pop("aside_tasks", None)


def nothing():
    raise AssertionError("nothing is to be cleared away")


def test_a_task_is_done_beside_and_its_warnings_are_said(tasks, tmp_path):
    steps, where = [], tmp_path / "pid"
    with Aside(f"{tasks}squares", 4, where) as other:
        process = other.process
        with pytest.warns(UserWarning, match="said aside"):
            assert other.wait(steps.append, nothing) == [0, 1, 4, 9]
    assert steps == ["step 0", "step 1", "step 2", "step 3"]
    assert int(where.read_text()) == process.pid != os.getpid()
    assert process.poll() is not None
    assert "aside_tasks" not in sys.modules


def test_with_one_processor_it_is_done_here(tasks, tmp_path, monkeypatch):
    monkeypatch.setattr(_aside, "processors", lambda: 1)
    steps, cleared, where = [], [], tmp_path / "pid"
    with (
        Aside(f"{tasks}squares", 2, where) as other,
        pytest.warns(UserWarning, match="said aside"),
    ):
        assert other.wait(steps.append, lambda: cleared.append(1)) == [0, 1]
    assert (steps, cleared) == (["step 0", "step 1"], [1])
    assert int(where.read_text()) == os.getpid()


def test_a_process_that_dies_or_cannot_be_started_is_made_up_for(
    tasks, tmp_path, monkeypatch
):
    steps, cleared = [], []
    with Aside(f"{tasks}dies", 7, tmp_path / "mark") as other:
        assert other.wait(steps.append, lambda: cleared.append(1)) == 7
    assert (steps, cleared) == (["half", "whole"], [1])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    with Aside(f"{tasks}dies", 8, tmp_path / "mark") as other:
        assert other.process is None
        assert other.wait(steps.append, lambda: None) == 8


def test_what_fails_beside_fails_here_in_its_own_words(tasks):
    with (
        Aside(f"{tasks}fails", "no such form") as other,
        pytest.raises(ValueError, match=r"^no such form$"),
    ):
        other.wait(lambda step: None, lambda: None)


def test_what_cannot_be_sent_is_made_here(tasks):
    with Aside(f"{tasks}unsendable") as other:
        assert other.wait(lambda step: None, lambda: None)() == 1


def test_the_process_is_gone_with_the_block(tasks, tmp_path):
    other = Aside(f"{tasks}sleeps", tmp_path / "pid")

    def interrupted():
        with other:
            begun.append(other.process)
            raise KeyboardInterrupt

    begun = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert begun[0].returncode is not None
    assert other.process is None


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_the_process_does_not_outlive_a_killed_parent(tmp_path):
    (tmp_path / "aside_tasks.py").write_text(TASKS)
    program = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        from waistats.cli import _aside
        _aside.processors = lambda: 2
        with _aside.Aside("aside_tasks:sleeps", {str(tmp_path / "pid")!r}) as other:
            other.wait(lambda step: print(step, flush=True), lambda: None)
    """
    folder = os.path.dirname(os.path.dirname(waistats.__file__))
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": folder},
    ) as parent:
        assert parent.stdout.readline() == b"asleep\n"
        child = int((tmp_path / "pid").read_text())
        parent.send_signal(signal.SIGKILL)
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            break
        if is_zombie(child):
            break
        time.sleep(0.1)
    else:
        pytest.fail("still there after ten seconds")


def is_zombie(pid):
    """Whether a process has ended and only its entry is left."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def test_processors_are_those_that_may_be_used():
    assert 1 <= processors() <= os.cpu_count()


def test_a_part_of_the_report_can_be_sent_with_its_figures_made():
    from waistats import generalize, load_dataset
    from waistats.report.blocks import figures_of, numbered
    from waistats.report.render_html import render_page
    from waistats.report.sections import study_sections

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = generalize(load_dataset("cesd"))
        sections = study_sections(study, keep={"pooled"})
    for figure in figures_of(sections):
        figure.drawing.render("svg")
    sent = pickle.loads(pickle.dumps(sections))
    assert figures_of(numbered(sent))
    assert all(figure.drawing.figure is None for figure in figures_of(sent))
    assert render_page("t", [], sent, []) == render_page("t", [], sections, [])
