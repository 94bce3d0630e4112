"""Commands of a living study: new, run, settle, add-rows."""

from pathlib import Path
from typing import Annotated

import typer

project_app = typer.Typer(
    help="A study in a folder: new searches and what they change."
)

Folder = Annotated[Path, typer.Argument(help="The folder of the study.")]


@project_app.command("new")
def new(folder: Folder) -> None:
    """Make the folder of a study: protocol, search logs, coding sheets, settings."""
    from waistats.project.layout import new_project

    new_project(folder)
    print(
        f"Wrote {folder}. Write protocol.md, put search logs into search/ and "
        "coefficients into coding/first.csv, then: waistats project run"
    )


@project_app.command("run")
def run(
    folder: Folder = Path(),
    word: Annotated[
        bool, typer.Option("--word", help="Write the reports to Word as well.")
    ] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Repeat the last run and compare every file byte for byte."
        ),
    ] = False,
) -> None:
    """Check everything, run the study, keep the run, and report what changed."""
    from waistats.cli._terminal import progress
    from waistats.project.run import run_project

    with progress(1, "project") as bar:
        bar.step("study and reports")
        found = run_project(folder, word=word, again=again)
    print(found)
    print(f"\n{found.folder}: report.html, report-short.html, changes.html")


@project_app.command("settle")
def settle(folder: Folder = Path()) -> None:
    """List the cells on which the coders disagree in coding/settled.csv, to be filled."""
    from waistats._format import counted
    from waistats.project.layout import read_project
    from waistats.project.run import write_settle_list

    project = read_project(folder)
    n = write_settle_list(project)
    print(f"Added {counted(n, 'cell')} to coding/settled.csv; fill the column value.")


@project_app.command("add-rows")
def add(
    sheet: Annotated[Path, typer.Argument(help="A filled coding sheet.")],
    folder: Annotated[
        Path, typer.Option("--project", help="The folder of the study.")
    ] = Path(),
) -> None:
    """Add the rows of a sheet to coding/first.csv."""
    from waistats._format import counted
    from waistats.project.layout import add_rows, read_project

    n = add_rows(read_project(folder), sheet)
    print(f"Added {counted(n, 'row')} to coding/first.csv.")
