"""Arguments and options that several commands share, and what they print alike."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_OUTPUT = Path("waistats-report")

File = Annotated[Path, typer.Argument(help="The file to read.", show_default=False)]
Output = Annotated[
    Path, typer.Option(help="New folder for the report, tables and figures.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace the output folder.")]
Word = Annotated[bool, typer.Option("--word", help="Write the report to Word as well.")]
Columns = Annotated[
    str | None,
    typer.Option(help="Your column names to ours, such as alpha=estimate,N=n."),
]
Sheet = Annotated[str | None, typer.Option(help="Sheet of an Excel file.")]
ConfLevel = Annotated[float, typer.Option(help="Level of the intervals.")]


def written(output: Path) -> None:
    figures = len(list((output / "figures").glob("*.svg")))
    tables = len(list((output / "tables").glob("*.csv")))
    word = ", report.docx" if (output / "report.docx").exists() else ""
    print(f"\nWrote {output}: report.html{word}, {tables} tables, {figures} figures.")
