"""Commands of item responses: reliability of every study."""

from pathlib import Path
from typing import Annotated

import typer

from waistats.cli._options import ConfLevel, File, Force, Sheet
from waistats.cli._terminal import names_of
from waistats.errors import DataError, near


def alpha(
    file: File,
    study: Annotated[str, typer.Option(help="Column that names the study.")],
    items: Annotated[
        str | None, typer.Option(help="Item columns, separated by commas.")
    ] = None,
    instrument: Annotated[
        str | None, typer.Option(help="Form, such as WAI-SR; gives its scales.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Worded responses from lowest to highest: Never,...,Always."),
    ] = None,
    coefficient: Annotated[str, typer.Option(help="Kind of coefficient.")] = "alpha",
    ci: Annotated[str, typer.Option(help="Kind of interval.")] = "feldt",
    missing: Annotated[
        str, typer.Option(help="Missing answers: listwise, pairwise or em.")
    ] = "listwise",
    conf_level: ConfLevel = 0.95,
    sheet: Sheet = None,
    output: Annotated[
        Path | None, typer.Option(help="New folder for coefficients.csv.")
    ] = None,
    force: Force = False,
) -> None:
    """Compute the reliability of every study in a file of item responses."""
    from waistats._files import new_folder, write_csv
    from waistats._format import frame_text
    from waistats.io.readers import read_responses
    from waistats.reliability.by_study.api import reliability_by_study

    if (items is None) == (instrument is None):
        raise DataError("Give either --items or --instrument.")
    columns = names_of(items)
    responses = read_responses(
        file, labels=names_of(labels), items=columns if labels else None, sheet=sheet
    )
    if study not in responses:
        hint = near(study, map(str, responses.columns))
        raise DataError(f"{file}: there is no column {study!r}{hint}.")
    table = reliability_by_study(
        responses,
        study=study,
        items=columns,
        instrument=instrument,
        coefficient=coefficient,
        ci=ci,
        missing=missing,
        conf_level=conf_level,
    )
    if output is not None:
        with new_folder(output, force=force) as folder:
            write_csv(table, folder / "coefficients.csv")
    names = [
        "study_id", "scale", "estimate", "ci_low", "ci_high", "n", "n_items",
        "score_mean", "score_sd", "n_excluded", "reason", "provenance",
    ]  # fmt: skip
    print(frame_text(table[[name for name in names if name in table]], 3))
    if output is not None:
        print(f"\nWrote {output}: coefficients.csv")
