"""The guided ways from a file to the report: questions in the terminal, and the app."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from waistats.cli._options import DEFAULT_OUTPUT, Encoding, Force, Sheet, SkipRows, Word
from waistats.cli._responses import listed_notes
from waistats.errors import DataError, ModelError, visible


def start(
    file: Annotated[
        Path | None, typer.Argument(help="File to read; prompted for if not given.")
    ] = None,
    answer: Annotated[
        list[str] | None,
        typer.Option(help="An answer in advance, such as form=WAI-SR; repeatable."),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", help="Accept the first suggestion wherever there is one."
        ),
    ] = False,
    encoding: Encoding = None,
    skip_rows: SkipRows = None,
    sheet: Sheet = None,
    output: Annotated[
        Path, typer.Option(help="New folder for the report and the coefficients.")
    ] = DEFAULT_OUTPUT,
    force: Force = False,
    word: Word = False,
) -> None:
    """Go from a file to the report; only what is missing is asked."""
    from waistats.intake.session import begin

    answers = _in_advance(answer)
    if file is None:
        file = Path(_line("Which file? ", None).strip())
    session = begin(file, encoding=encoding, skip_rows=skip_rows, sheet=sheet)
    if session.recognized.kind == "coefficients":
        _coefficients(file)
        return
    print(f"{file}\n")
    for line in session.recognized.lines():
        print(visible(f"  {line}"))
    print()
    told = 0
    unasked: set[str] = set()
    while True:
        found = session.outcome()
        for decision in found.decisions[told:]:
            if decision.by == "data" or decision.id in unasked:
                print(visible(f"  {decision.text}"))
        told = len(found.decisions)
        if found.question is None:
            break
        if yes or found.question.id in answers:
            # what is answered in advance is shown as it is decided
            unasked.add(found.question.id)
        value = _asked(found.question, answers, yes=yes)
        session = session.answer(found.question.id, value)
        if found.question.id == "labels":
            told = 0
    unused = [name for name in answers if name not in session.answers]
    if unused:
        print(visible(f"  Not asked: {', '.join(unused)}."), file=sys.stderr)
    _finish(session, output, force=force, word=word)


def _in_advance(texts: list[str] | None) -> dict[str, str]:
    answers = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise DataError(
                f"--answer takes a question and its answer, such as form=WAI-SR; got "
                f"{text!r}."
            )
        answers[name.strip()] = value.strip()
    return answers


def _asked(question: Any, answers: dict[str, str], *, yes: bool) -> str:
    """Return the answer to a question: in advance, suggested, or typed."""
    if question.id in answers:
        return str(question.check(answers[question.id]))
    if yes and question.default is not None:
        return str(question.default)
    print(visible(f"\n{question.text}", keep="\n"))
    values = [choice.value for choice in question.choices]
    for i, choice in enumerate(question.choices, start=1):
        print(visible(f"  {i}. {choice.text}"))
    shown = question.default
    if question.default in values:
        shown = str(values.index(question.default) + 1)
    while True:
        typed = _line(f"[{shown}] " if shown else "> ", question)
        try:
            return str(question.check(typed))
        except ModelError as error:
            if not sys.stdin.isatty():
                raise
            print(visible(str(error)))


def _line(prompt: str, question: Any) -> str:
    """Return a line of standard input; where it ends, the question is named."""
    print(prompt, end="", flush=True)
    line = sys.stdin.readline()
    if not sys.stdin.isatty():
        # what a script answers is not echoed by a terminal
        print(line.rstrip("\n"))
    if line:
        return line
    if question is None:
        raise DataError("Name the file: waistats start FILE.")
    out = "" if question.default is None else ", or accept the suggestions with --yes"
    raise DataError(
        f"There is no answer to {question.id!r}: {question.text} Give it with --answer "
        f"{question.id}=...{out}."
    )


def _coefficients(file: Path) -> None:
    print(
        "The file is a table of coefficients. Check it, then run the study:\n\n"
        f"  waistats check {file}\n  waistats generalize {file}"
    )


def _finish(session: Any, output: Path, *, force: bool, word: bool) -> None:
    from waistats._files import new_folder
    from waistats._format import frame_text
    from waistats.cli.responses import table_shown
    from waistats.report.folder import write_study
    from waistats.rg.combine import write_into
    from waistats.rg.generalize import generalize

    table = session.run()
    print(f"\n{frame_text(table_shown(table), 3)}")
    if said := listed_notes(table.attrs.get("notes", ())):
        print(f"\n{said}")
    commands = session.commands(str(output.name))
    study = None
    reason = ""
    try:
        study = generalize(table)
    except ModelError as error:
        reason = str(error)
    with new_folder(output, force=force) as folder:
        if study is not None:
            write_study(study, folder, "\n".join(commands), word=word)
        written = write_into(table, folder)
    if study is None:
        commands = session.commands()
        print(f"\nThere is no study to report: {reason}")
        print(f"\nWrote {output}: {', '.join(written)}")
    else:
        print(f"\n{study}")
        print(f"\nWrote {output}: report.html, {', '.join(written)}")
    print("\nThe same without questions:\n")
    for line in commands:
        print(visible(f"  {line}"))
    print("\nIn Python:\n")
    script = session.python(output.name if study is not None else None)
    for line in script.splitlines():
        print(visible(f"  {line}".rstrip()))


def app(
    file: Annotated[
        Path | None, typer.Argument(help="A file to begin with.", show_default=False)
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            help="Port on 127.0.0.1; by default any free one.", min=0, max=65535
        ),
    ] = 0,
    browser: Annotated[
        bool,
        typer.Option("--browser/--no-browser", help="Open the page in the browser."),
    ] = True,
) -> None:
    """Open the app: the same analyses by pointing.

    Prints the address, which holds a token; stop it with Ctrl-C.
    """
    if find_spec("shiny") is None:
        raise DataError(
            "the app needs the package shiny, which is not installed. Install it with: "
            "pip install 'waistats[app]'"
        )
    from waistats.app._serve import serve

    def opened(address: str) -> None:
        print(address)
        typer.echo(
            "The page is for this machine only. Stop the app with Ctrl-C; uploaded files "
            "are removed then.",
            err=True,
        )
        if browser:
            import webbrowser

            webbrowser.open(address)

    serve(file, port=port, opened=opened)
