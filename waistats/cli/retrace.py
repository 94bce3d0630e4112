"""The command that looks for the analysis behind printed figures."""

from pathlib import Path
from typing import Annotated

import typer

from waistats.cli._options import Columns, ConfLevel, File, Force, Sheet
from waistats.cli._terminal import pairs_of


def _two(name: str, text: str | None) -> tuple[str, str] | None:
    from waistats.errors import DataError

    if text is None:
        return None
    parts = tuple(part.strip() for part in text.split(","))
    if len(parts) != 2 or not all(parts):
        raise DataError(f"{name} takes two limits such as .89,.92; got {text!r}.")
    return parts[0], parts[1]


def retrace(
    file: File,
    mean: Annotated[
        str | None, typer.Option(help="Pooled reliability, digits as printed: .91")
    ] = None,
    limits: Annotated[
        str | None, typer.Option(help="Its interval, digits as printed: .89,.92")
    ] = None,
    prediction_limits: Annotated[
        str | None, typer.Option(help="The prediction interval: .84,.94")
    ] = None,
    tau2: Annotated[
        str | None, typer.Option(help="Heterogeneity variance on the model's scale.")
    ] = None,
    i2: Annotated[str | None, typer.Option(help="I2 in per cent.")] = None,
    q: Annotated[str | None, typer.Option(help="Q statistic.")] = None,
    k: Annotated[str | None, typer.Option(help="Number of coefficients.")] = None,
    columns: Columns = None,
    sheet: Sheet = None,
    conf_level: ConfLevel = 0.95,
    output: Annotated[
        Path | None,
        typer.Option(help="New folder for a page and a table of all specifications."),
    ] = None,
    force: Force = False,
) -> None:
    """Find the analyses that give a study's published results."""
    from waistats._files import new_folder, write_csv
    from waistats.errors import DataError
    from waistats.io.readers import read_coefficients
    from waistats.report.retraced import retraced_page
    from waistats.sensitivity.retrace import retrace as run

    told = {
        "mean": mean,
        "ci": _two("--limits", limits),
        "pi": _two("--prediction-limits", prediction_limits),
        "tau2": tau2,
        "I2": i2,
        "Q": q,
        "k": k,
    }
    reported = {name: value for name, value in told.items() if value is not None}
    if not reported:
        raise DataError(
            "name at least one printed figure: --mean, --limits, --prediction-limits, "
            "--tau2, --i2, --q or --k."
        )
    table = read_coefficients(file, columns=pairs_of(columns), sheet=sheet)
    found = run(table, reported, conf_level=conf_level)
    if output is not None:
        with new_folder(output, force=force) as folder:
            write_csv(found.to_frame(), folder / "specifications.csv")
            page = retraced_page(found)
            (folder / "report.html").write_text(page, encoding="utf-8")
    print(found)
    if output is not None:
        print(f"\nWrote {output}: report.html, specifications.csv.")
