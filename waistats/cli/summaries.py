"""The command for places that may not share answers: sums without persons."""

from pathlib import Path
from typing import Annotated

import typer

from waistats.cli._options import (
    File,
)
from waistats.cli._responses import Typed, items_missing, of_answers, read_file


@of_answers(study_required=True)
def summarize(
    file: File,
    given: Typed,
    output: Annotated[Path, typer.Option(help="New file for the sums: site.json.")],
    moments: Annotated[
        int,
        typer.Option(
            help="Order of the moments: 2, or 4 for distribution-free intervals."
        ),
    ] = 2,
    min_n: Annotated[
        int, typer.Option(help="Samples with fewer respondents are withheld.")
    ] = 10,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the output file.")
    ] = False,
) -> None:
    """Write sums of answers, to be sent instead of the answers."""
    from waistats._format import frame_text
    from waistats.errors import DataError, visible
    from waistats.reliability.by_study.summaries import summarize_responses

    if output.suffix.lower() != ".json":
        raise DataError(f"--output names a .json file; got {output}.")
    if not {"items", "instrument", "raters", "item"} & set(given.options):
        raise items_missing(file, given)
    sums = summarize_responses(
        read_file(file, given), moments=moments, min_n=min_n, **given.options
    )
    sums.write(output, force=force)
    print(f"{sums.heading()}\n")
    print(frame_text(sums.to_frame(), 3))
    print(f"\n{visible(sums.closing(), keep=chr(10))}")
    print(f"\nWrote {output}. Look through it: it is all that the recipient gets.")
