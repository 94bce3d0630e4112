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
        help="A rater and the prefix of its items, client=WAI_C_; once for each rater.",
    ),
]
By = Annotated[
    str | None,
    typer.Option(help="Columns that split a study, such as the session."),
]
Person = Annotated[str | None, typer.Option(help="Column (or columns) of the person.")]
Item = Annotated[
    str | None, typer.Option(help="Column of the item, in a file with a row an answer.")
]
Value = Annotated[
    str | None, typer.Option(help="Column of the answer, in such a file.")
]
Labels = Annotated[
    str | None,
    typer.Option(help="Worded responses from lowest to highest: Never,...,Always."),
]
MissingCodes = Annotated[
    str | None, typer.Option(help="Numbers that mean no answer: 99,-9.")
]
MissingWords = Annotated[
    str | None, typer.Option(help="Words that mean no answer, besides the usual ones.")
]
ResponseRange = Annotated[
    str | None, typer.Option(help="Lowest and highest answer: 1:5.")
]
Where = Annotated[str | None, typer.Option(help="Rows that are used: 'filter_$ == 1'.")]
Accept = Annotated[
    list[str] | None,
    typer.Option(help="A finding that does not stop, by its identifier; repeatable."),
]
AlreadyKeyed = Annotated[
    bool | None,
    typer.Option(
        "--already-keyed/--not-keyed",
        help="Reversed items are reverse-scored in the file, or not; else found out.",
    ),
]
Reverse = Annotated[
    str | None, typer.Option(help="Items to reverse-score besides those of the form.")
]
Provisional = Annotated[
    bool, typer.Option("--provisional", help="Allow a form with weak evidence.")
]
Encoding = Annotated[
    str | None, typer.Option(help="Encoding of a text file, such as cp1251.")
]
SkipRows = Annotated[
    int | None, typer.Option(help="Rows above the header that are no data.")
]
