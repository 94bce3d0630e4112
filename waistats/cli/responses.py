"""Commands of item responses: reliability of every study, what each item adds, and sums."""

from pathlib import Path
from typing import Annotated, Any

import typer

from waistats.cli._options import ConfLevel, File, Force, there
from waistats.cli._responses import (
    Typed,
    items_missing,
    listed_notes,
    of_answers,
    read_file,
)
from waistats.errors import DataError, listing

SHOWN = (
    "study_id", "sample_id", "rater", "scale", "estimate", "ci_low", "ci_high", "n",
    "n_items", "score_mean", "score_sd", "n_excluded", "reason", "provenance",
)  # fmt: skip


@of_answers()
def alpha(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="The file to read; or files that waistats summarize wrote.",
            show_default=False,
            callback=there,
        ),
    ],
    given: Typed,
    one_study: Annotated[
        str | None, typer.Option(help="Name of the study, if the file is one study.")
    ] = None,
    coefficient: Annotated[str, typer.Option(help="Kind of coefficient.")] = "alpha",
    ci: Annotated[str, typer.Option(help="Kind of interval.")] = "feldt",
    missing: Annotated[
        str, typer.Option(help="Missing answers: listwise, pairwise or em.")
    ] = "listwise",
    conf_level: ConfLevel = 0.95,
    output: Annotated[
        Path | None,
        typer.Option(help="New folder for coefficients.csv and covariance.csv."),
    ] = None,
    force: Force = False,
) -> None:
    """Compute the reliability of each study from item responses."""
    from waistats.reliability.by_study.api import reliability_by_study
    from waistats.reliability.by_study.summaries import ResponseSummaries
    from waistats.rg.combine import has_covariance, write_reliability

    data = _answers_or_sums(files, given, one_study)
    known = has_covariance(coefficient)
    if isinstance(data, ResponseSummaries):
        known = coefficient == "alpha" and data.moments == 4
    table = reliability_by_study(
        data,
        coefficient=coefficient,
        ci=ci,
        missing=missing,
        conf_level=conf_level,
        covariance=output is not None and known,
        **given.options,
    )
    if output is not None:
        written = write_reliability(table, output, force=force)
    _print_table(table)
    if output is not None:
        print(f"\nWrote {output}: {', '.join(written)}")


def _answers_or_sums(files: list[Path], given: Typed, one_study: str | None) -> Any:
    """Return the answers of one file, or the sums that several places sent."""
    from waistats.reliability.by_study.summaries import is_summaries, read_summaries

    if all(is_summaries(file) for file in files):
        return read_summaries(files)
    if len(files) > 1:
        raise DataError(
            "waistats alpha reads one file of answers, or any number of files that "
            f"waistats summarize wrote (.json); got {listing(map(str, files))}."
        )
    if ("study" in given.options) == (one_study is not None):
        raise DataError(
            "Missing option --study: the column that names the study; or --one-study "
            "NAME, if the file is one study."
        )
    if not {"items", "instrument", "raters", "item"} & set(given.options):
        raise items_missing(files[0], given)
    responses = read_file(files[0], given)
    if one_study is not None:
        attrs = responses.attrs
        responses = responses.assign(study=one_study)
        responses.attrs = attrs
        given.options["study"] = "study"
    return responses


def table_shown(table: Any) -> Any:
    """Return the columns of a coefficient table that are printed."""
    names = [name for name in SHOWN if name in table]
    if (table["sample_id"] == table["study_id"]).all():
        names.remove("sample_id")
    splits = [c for c in table.columns if c not in SHOWN and c in _splits(table)]
    names[1:1] = splits
    if splits and "sample_id" in names:
        names.remove("sample_id")
    return table[names]


def _print_table(table: Any) -> None:
    from waistats._format import frame_text

    print(frame_text(table_shown(table), 3))
    notes = [
        f"{row['coefficient_id']}: {row['note']}"
        for _, row in table.iterrows()
        if row["note"]
    ]
    if said := listed_notes([*table.attrs.get("notes", ()), *collapsed(notes)]):
        print(f"\n{said}")


def _splits(table: Any) -> list[str]:
    """Return the columns that split studies: those between ids and scale."""
    columns = list(table.columns)
    between = columns[columns.index("coefficient_id") + 1 : columns.index("scale")]
    return [name for name in between if name not in ("instrument", "rater")]


def collapsed(notes: list[str]) -> list[str]:
    """Return notes with those that say the same of several coefficients as one line."""
    places: dict[str, list[str]] = {}
    for note in notes:
        where, _, text = note.partition(": ")
        places.setdefault(text, []).append(where)
    return [
        f"{of[0]}: {text}"
        if len(of) == 1
        else f"{of[0]} and {len(of) - 1} more coefficients: {text}"
        for text, of in places.items()
    ]


@of_answers()
def items(
    file: File,
    given: Typed,
) -> None:
    """Print the statistics of each item, and audit the scoring key."""
    _print_items(read_file(file, given), given)


def _print_items(responses: Any, given: Typed) -> None:
    from waistats._format import coefficient, counted, frame_text
    from waistats.reliability.by_study.items import item_tables

    parts, audits, notes = item_tables(responses, **given.options)
    for part in parts:
        alpha_text = coefficient(part.alpha)
        print(
            f"{part.title} (alpha {alpha_text}, n {part.n}, "
            f"{counted(len(part.frame), 'item')})\n"
        )
        print(f"{frame_text(part.frame, 3)}\n")
    for audit in audits:
        print(f"{audit}\n")
    if said := listed_notes(notes):
        print(said)


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
