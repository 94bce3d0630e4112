"""Run every Python and console block of the pages, and write what they print.

The blocks of a page run in order, in one namespace and a new folder. A ``text`` block
right after a Python block, and the lines below a ``$ waistats`` line, hold the output:
``python docs/run_pages.py [page ...]`` writes them, ``tests/site/test_docs.py`` compares.
A line of ``...`` stands for any lines. An image ``images/NAME`` of a page is the file
NAME that its blocks write.
"""

import contextlib
import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
BLOCK = re.compile(
    r"^```(?P<kind>python|console)\n(?P<code>.*?)^```\n"
    r"(?:\n?^```text\n(?P<output>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
COMMAND = re.compile(r"^\$ (?P<line>.*)\n(?P<output>(?:(?!\$ ).*\n)*)", re.MULTILINE)
IMAGE = re.compile(r"images/([\w-]+\.(?:svg|png))")


@dataclass(frozen=True)
class Step:
    """What a page shows as output, what came out, and where it stands."""

    code: str
    shown: str | None
    printed: str
    span: tuple[int, int]


def pages() -> list[Path]:
    """Return the pages that have blocks to run."""
    found = sorted(DOCS.rglob("*.md"))
    return [
        page
        for page in found
        if "_build" not in page.parts and BLOCK.search(page.read_text("utf-8"))
    ]


def tidy(text: str) -> str:
    """Return text without blanks at the ends of lines and at its end."""
    return "\n".join(line.rstrip() for line in text.rstrip().split("\n"))


def same(shown: str, printed: str) -> bool:
    """Say whether a page shows what came out; ``...`` lines stand for any lines."""
    parts = re.split(r"^\.\.\.$\n?", tidy(shown) + "\n", flags=re.MULTILINE)
    pattern = r"(?:.*\n)*?".join(map(re.escape, parts))
    return re.fullmatch(pattern, tidy(printed) + "\n") is not None


def run_page(page: Path) -> Iterator[Step]:
    """Run the blocks of a page in the current folder."""
    text = page.read_text("utf-8")
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in BLOCK.finditer(text):
        if block["kind"] == "python":
            printed = io.StringIO()
            line = text.count("\n", 0, block.start("code"))
            code = compile("\n" * line + block["code"], str(page), "exec")
            with contextlib.redirect_stdout(printed):
                exec(code, namespace)
            span = block.span("output")
            yield Step(block["code"], block["output"], printed.getvalue(), span)
        else:
            yield from run_console(block["code"], block.start("code"))


def run_console(code: str, offset: int) -> Iterator[Step]:
    """Run the ``$ waistats`` lines of a console block."""
    from waistats.cli.app import main

    for command in COMMAND.finditer(code):
        words = shlex.split(command["line"], comments=True)
        if not words or words[0] != "waistats":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exit_code = main(words[1:])
        if exit_code:
            raise RuntimeError(f"exit code {exit_code}: {command['line']}")
        start, end = command.span("output")
        shown = command["output"].strip("\n") or None
        yield Step(
            command["line"], shown, printed.getvalue(), (offset + start, offset + end)
        )


def write_page(page: Path) -> None:
    """Run a page, put its output into it, and copy the images that it shows."""
    text = page.read_text("utf-8")
    for step in reversed(list(run_page(page))):
        if step.shown is None or same(step.shown, step.printed):
            continue
        start, end = step.span
        blank = "\n" if text[start:end].endswith("\n\n") else ""
        text = text[:start] + tidy(step.printed) + "\n" + blank + text[end:]
    page.write_text(text, "utf-8")
    for name in IMAGE.findall(text):
        (DOCS / "images").mkdir(exist_ok=True)
        shutil.copy(name, DOCS / "images" / name)


def main(names: list[str]) -> None:
    """Write the named pages, or all."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    for page in [Path(name).resolve() for name in names] or pages():
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            write_page(page)
        print(page.relative_to(DOCS))


if __name__ == "__main__":
    main(sys.argv[1:])
