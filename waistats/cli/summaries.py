"""The command for places that may not share answers: sums without persons."""

from pathlib import Path
from typing import Annotated

import typer

from waistats.cli._options import (
    Accept,
    AlreadyKeyed,
    By,
    Encoding,
    File,
    InstrumentName,
    Item,
    Items,
    Labels,
    MissingCodes,
    MissingWords,
    Person,
    Provisional,
    Raters,
    ResponseRange,
    Reverse,
    Sheet,
    SkipRows,
    Value,
    Where,
)
from waistats.cli._responses import items_missing, read_file, typed


def summarize(
    file: File,
    study: Annotated[str, typer.Option(help="Column that names the study.")],
    output: Annotated[Path, typer.Option(help="New file for the sums: site.json.")],
    items: Items = None,
    instrument: InstrumentName = None,
    rater: Raters = None,
    by: By = None,
    person: Person = None,
    item: Item = None,
    value: Value = None,
    moments: Annotated[
        int,
        typer.Option(
            help="Order of the moments: 2, or 4 for distribution-free intervals."
        ),
    ] = 2,
    min_n: Annotated[
        int, typer.Option(help="Samples with fewer respondents are withheld.")
    ] = 10,
    labels: Labels = None,
    missing_codes: MissingCodes = None,
    missing_words: MissingWords = None,
    response_range: ResponseRange = None,
    already_keyed: AlreadyKeyed = None,
    reverse: Reverse = None,
    where: Where = None,
    accept: Accept = None,
    provisional: Provisional = False,
    encoding: Encoding = None,
    skip_rows: SkipRows = None,
    sheet: Sheet = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the output file.")
    ] = False,
) -> None:
    """Write sums of item responses, to be sent instead of individual answers."""
    from waistats._format import frame_text
    from waistats.errors import DataError, visible
    from waistats.reliability.by_study.summaries import summarize_responses

    if output.suffix.lower() != ".json":
        raise DataError(f"--output names a .json file; got {output}.")
    given = typed(
        study=study,
        items=items,
        instrument=instrument,
        raters=rater,
        by=by,
        person=person,
        item=item,
        value=value,
        labels=labels,
        missing_codes=missing_codes,
        missing_words=missing_words,
        response_range=response_range,
        where=where,
        accept=accept,
        already_keyed=already_keyed,
        reverse=reverse,
        provisional=provisional,
        encoding=encoding,
        skip_rows=skip_rows,
        sheet=sheet,
    )
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
