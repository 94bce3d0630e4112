"""Commands of files before they are used: check them, or write an empty one."""

from pathlib import Path
from typing import Annotated

import typer

from waistats.cli._options import Columns, File, Force, Sheet
from waistats.cli._terminal import pairs_of


def check(file: File, columns: Columns = None, sheet: Sheet = None) -> None:
    """List everything wrong or doubtful in a table of coefficients."""
    from waistats.errors import visible
    from waistats.io.check import check_coefficients

    found = check_coefficients(file, columns=pairs_of(columns), sheet=sheet)
    for _, row in found.iterrows():
        said = f"{row['severity']}: {row['where']}: {row['finding']}. {row['advice']}"
        print(visible(said))
    counts = found["severity"].value_counts()
    words = [
        f"{int(counts.get(name, 0))} {name}s" for name in ("error", "warning", "note")
    ]
    print(visible(f"{file}: {', '.join(words)}."))
    if (found["severity"] == "error").any():
        raise typer.Exit(2)


def template(
    file: Annotated[
        Path, typer.Argument(help="The coding sheet to write, .xlsx or .csv.")
    ] = Path("coding-sheet.xlsx"),
    queue: Annotated[
        bool,
        typer.Option("--queue", help="With the reading queue, a row a publication."),
    ] = False,
    core: Annotated[
        bool, typer.Option("--core", help="The 20 columns that matter most, no more.")
    ] = False,
    force: Force = False,
) -> None:
    """Write a coding sheet, empty or with the reading queue, with lists and codebook."""
    from waistats.rg.coding import write_template

    written = write_template(file, queue=queue, core=core, force=force)
    print(f"Wrote {written}. Fill its first sheet, then run: waistats check {written}")
