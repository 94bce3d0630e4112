"""The command line: parses, calls a public function, prints or writes."""

from pathlib import Path
from typing import Annotated, Any

import typer

from waistats._caller import TERMINAL, calling
from waistats.cli._terminal import (
    as_program,
    as_typed,
    guarded,
    leave_quietly,
    names_of,
    numbers_of,
    pairs_of,
    progress,
)
from waistats.errors import DataError, near

DEFAULT_OUTPUT = Path("waistats-report")

app = typer.Typer(
    help="Reliability generalization of the Working Alliance Inventory.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Data sets: list, fetch, and where they are.")
app.add_typer(data_app, name="data", no_args_is_help=True)

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


@app.command()
def reproduce(
    output: Output = DEFAULT_OUTPUT, force: Force = False, word: Word = False
) -> None:
    """Run the main job: published WAI coefficients, a SIMULATED study, a check."""
    from waistats._files import new_folder
    from waistats.cli.reproduce import (
        Reproduction,
        collection_text,
        steps,
        write_reproduction,
    )

    with new_folder(output, force=force) as folder:
        made: Any = None
        with progress(6, "reproduce") as bar:
            for name, part in steps():
                made = part
                bar.set_postfix_str(name)
                bar.update()
            assert isinstance(made, Reproduction)
            write_reproduction(made, folder, word=word)
            bar.update()
    print("A. Published coefficients of the WAI")
    print(collection_text(made))
    print("\nB. SIMULATED five-version study: the truth beside the estimates")
    from waistats._format import frame_text

    print(frame_text(made.truth.drop(columns="provenance"), 3))
    print("\nC. CES-D, our numbers and metafor's")
    print(frame_text(made.check, 7))
    _written(output)


def _written(output: Path) -> None:
    figures = len(list((output / "figures").glob("*.svg")))
    tables = len(list((output / "tables").glob("*.csv")))
    word = ", report.docx" if (output / "report.docx").exists() else ""
    print(f"\nWrote {output}: report.html{word}, {tables} tables, {figures} figures.")


@app.command()
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


@app.command()
def generalize(
    file: File,
    columns: Columns = None,
    moderators: Annotated[
        str | None, typer.Option(help="Formula, such as '~ rater + np.log(n_items)'.")
    ] = None,
    by: Annotated[
        str, typer.Option(help="Columns that make the cells; empty for none.")
    ] = "instrument,rater,scale",
    measure: Annotated[
        str, typer.Option(help="bonett, hakstian-whalen, raw or fisher-z.")
    ] = "bonett",
    bias: Annotated[
        str, typer.Option(help="Remove the bias of the scale: none, bonett or exact.")
    ] = "none",
    method: Annotated[str, typer.Option(help="Estimator of tau2.")] = "REML",
    within_correlation: Annotated[
        float | None, typer.Option(help="Correlation of errors within a study.")
    ] = None,
    conf_level: ConfLevel = 0.95,
    title: Annotated[str | None, typer.Option(help="What is studied.")] = None,
    sheet: Sheet = None,
    output: Output = DEFAULT_OUTPUT,
    force: Force = False,
    word: Word = False,
) -> None:
    """Run a reliability generalization study on a table of coefficients."""
    from waistats._files import new_folder
    from waistats.io.readers import read_coefficients
    from waistats.report.folder import write_study
    from waistats.rg.descriptives import CELL
    from waistats.rg.study import generalize as run

    table = read_coefficients(file, columns=pairs_of(columns), sheet=sheet)
    study = run(
        table,
        moderators,
        by=names_of(by.strip() or None) or (),
        measure=measure,
        bias=bias,
        method=method,
        conf_level=conf_level,
        within_correlation=within_correlation,
        title=title,
    )
    with new_folder(output, force=force) as folder, progress(1, "report") as bar:
        options = {
            "--columns": columns,
            "--moderators": moderators,
            "--by": by if by != ",".join(CELL) else None,
            "--measure": measure if measure != "bonett" else None,
            "--bias": bias if bias != "none" else None,
            "--method": method if method != "REML" else None,
            "--within-correlation": within_correlation,
            "--conf-level": conf_level if conf_level != 0.95 else None,
            "--title": title,
            "--sheet": sheet,
        }
        write_study(study, folder, as_typed("generalize", file, options), word=word)
        bar.update()
    print(study)
    if study.moderator_model is not None:
        print(f"\n{study.moderator_model}")
    _written(output)


@app.command()
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


@app.command()
def template(
    file: Annotated[
        Path, typer.Argument(help="The coding sheet to write, .xlsx or .csv.")
    ] = Path("coding-sheet.xlsx"),
    queue: Annotated[
        bool,
        typer.Option("--queue", help="With the reading queue, a row a publication."),
    ] = False,
    force: Force = False,
) -> None:
    """Write a coding sheet, empty or with the reading queue, with lists and codebook."""
    from waistats.rg.coding import write_template

    written = write_template(file, queue=queue, force=force)
    print(f"Wrote {written}. Fill its first sheet, then run: waistats check {written}")


@app.command()
def predict(
    file: File,
    instrument: Annotated[str | None, typer.Option(help="Version of the WAI.")] = None,
    rater: Annotated[str | None, typer.Option(help="Who rates.")] = None,
    modality: Annotated[
        str | None, typer.Option(help="Setting, such as video.")
    ] = None,
    n: Annotated[
        str | None, typer.Option(help="Sizes of planned samples: 30,100,300.")
    ] = None,
    n_items: Annotated[int | None, typer.Option(help="Items of the form.")] = None,
    moderators: Annotated[
        str | None, typer.Option(help="Formula of the model that predicts.")
    ] = None,
    columns: Columns = None,
    sheet: Sheet = None,
    conf_level: ConfLevel = 0.95,
) -> None:
    """Predict the reliability of a new sample from a table of coefficients."""
    from waistats.io.readers import read_coefficients
    from waistats.practice import predict_reliability
    from waistats.rg.study import generalize as run

    table = read_coefficients(file, columns=pairs_of(columns), sheet=sheet)
    study = run(table, moderators, conf_level=conf_level)
    print(
        predict_reliability(
            study,
            instrument=instrument,
            rater=rater,
            modality=modality,
            n=numbers_of(n),
            n_items=n_items,
        )
    )


@data_app.command("list")
def data_list() -> None:
    """List the data sets that come with waistats or can be fetched."""
    import textwrap

    from waistats.datasets.bundled import list_datasets

    for _, row in list_datasets().iterrows():
        print(f"{row['name']} ({row['kind']}, {row['rows']} rows, {row['licence']})")
        print(textwrap.indent(textwrap.fill(row["description"], 80), "    "))


@data_app.command("fetch")
def data_fetch(
    name: Annotated[str, typer.Argument(help="A name of the list.")],
) -> None:
    """Bring a data set of others into the cache and check its hash."""
    from waistats.datasets.remote import cache_path, fetch_dataset

    frame = fetch_dataset(name)
    print(f"{name}: {len(frame)} rows in {cache_path(name)}")
    print(f"Licence: {frame.attrs['licence']}. Cite: {frame.attrs['citation']}")


@data_app.command("path")
def data_path(
    name: Annotated[str | None, typer.Argument(help="A name of the list.")] = None,
) -> None:
    """Print where a fetched data set lies, or the cache folder."""
    from waistats.datasets.remote import cache_path

    print(cache_path(name))


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.")
    ] = False,
) -> None:
    if version:
        from waistats import __version__

        print(f"waistats {__version__}")
        raise typer.Exit


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 2 for bad input, 130."""
    if arguments is None:
        as_program()
    command = typer.main.get_command(app)
    with calling(TERMINAL):
        code = guarded(
            lambda: command.main(
                args=arguments, prog_name="waistats", standalone_mode=False
            )
        )
    if arguments is None:
        leave_quietly()
    return code
