"""Arguments and options that several commands share, and what they print alike."""

from pathlib import Path
from typing import Annotated

import typer

from waistats._files import check_file

DEFAULT_OUTPUT = Path("waistats-report")


def there(files: Path | list[Path] | None) -> Path | list[Path] | None:
    """Return files as named; those that are not there are refused at once.

    Libraries take a second to load, and a wrong name should not wait for them.
    """
    for file in files if isinstance(files, list) else [files]:
        name = str(file)
        if file is None or name == "-" or set(name) & set("*?[") or file.is_dir():
            continue
        check_file(name)
    return files


File = Annotated[
    Path,
    typer.Argument(help="The file to read.", show_default=False, callback=there),
]
Output = Annotated[
    Path, typer.Option(help="New folder for the report, tables and figures.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace existing output.")]
Word = Annotated[
    bool, typer.Option("--word", help="Also write the report as a Word document.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        help="Rename columns, yours=ours, such as alpha=estimate,N=n; repeatable."
    ),
]
Sheet = Annotated[str | None, typer.Option(help="Sheet of an Excel file.")]
ConfLevel = Annotated[float, typer.Option(help="Confidence level.")]


def written(output: Path) -> None:
    figures = len({path.stem for path in (output / "figures").iterdir()})
    tables = len(list((output / "tables").glob("*.csv")))
    names = ("report.docx", "report-short.html", "report-short.docx")
    more = "".join(f", {name}" for name in names if (output / name).exists())
    print(f"\nWrote {output}: report.html{more}, {tables} tables, {figures} figures.")


Study = Annotated[str | None, typer.Option(help="Column that names the study.")]
Items = Annotated[
    str | None,
    typer.Option(help="Item columns: names, a range (wai1-wai12) or a prefix (wai)."),
]
InstrumentName = Annotated[
    str | None, typer.Option(help="Form, such as WAI-SR; gives its scales.")
]
Raters = Annotated[
    list[str] | None,
    typer.Option(
        "--rater",
        help="Rater and prefix of the rater's items, client=WAI_C_; repeatable.",
    ),
]
By = Annotated[
    str | None,
    typer.Option(help="Columns that split a study, such as the session."),
]
Person = Annotated[str | None, typer.Option(help="Column (or columns) of the person.")]
Item = Annotated[
    str | None,
    typer.Option(help="Column of the item, in a file with one row per answer."),
]
Value = Annotated[
    str | None,
    typer.Option(help="Column of the answer, in a file with one row per answer."),
]
Labels = Annotated[
    str | None,
    typer.Option(help="Worded responses from lowest to highest: Never,...,Always."),
]
MissingCodes = Annotated[
    str | None, typer.Option(help="Numeric codes for missing answers: 99,-9.")
]
MissingWords = Annotated[
    str | None,
    typer.Option(help="Words for missing answers, in addition to the usual ones."),
]
ResponseRange = Annotated[
    str | None, typer.Option(help="Lowest and highest answer: 1:5.")
]
Where = Annotated[str | None, typer.Option(help="Rows that are used: 'filter_$ == 1'.")]
Accept = Annotated[
    list[str] | None,
    typer.Option(help="Finding to accept, by its identifier; repeatable."),
]
AlreadyKeyed = Annotated[
    bool | None,
    typer.Option(
        "--already-keyed/--not-keyed",
        help="Whether reversed items are already reverse-scored in the file; detected "
        "if not given.",
    ),
]
Reverse = Annotated[
    str | None,
    typer.Option(help="Items to reverse-score in addition to those of the form."),
]
Provisional = Annotated[
    bool, typer.Option("--provisional", help="Allow a form with weak evidence.")
]
Encoding = Annotated[
    str | None, typer.Option(help="Encoding of a text file, such as cp1251.")
]
SkipRows = Annotated[int | None, typer.Option(help="Rows to skip above the header.")]

Tables = Annotated[
    list[Path],
    typer.Argument(
        help="Tables of coefficients, or folders that waistats alpha wrote.",
        show_default=False,
        callback=there,
    ),
]
MissingModerators = Annotated[
    str,
    typer.Option(
        help="Rows with a missing moderator: error, or drop (they are listed)."
    ),
]
Measure = Annotated[str, typer.Option(help="bonett, hakstian-whalen, raw or fisher-z.")]
Bias = Annotated[
    str, typer.Option(help="Remove the bias of the scale: none, bonett or exact.")
]
Method = Annotated[str, typer.Option(help="Estimator of tau2.")]
WithinCorrelation = Annotated[
    float | None, typer.Option(help="Correlation of errors within a study.")
]
Prediction = Annotated[
    str, typer.Option(help="Prediction intervals: confidence-distribution or metafor.")
]
