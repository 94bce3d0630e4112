"""Commands of a whole study: reproduce, generalize, predict."""

from pathlib import Path
from typing import Annotated, Any

import typer

from waistats.cli._options import (
    DEFAULT_OUTPUT,
    Bias,
    Columns,
    ConfLevel,
    Encoding,
    Force,
    Measure,
    Method,
    MissingModerators,
    Output,
    Prediction,
    Sheet,
    Tables,
    WithinCorrelation,
    Word,
    written,
)
from waistats.cli._terminal import (
    as_typed,
    names_of,
    numbers_of,
    pairs_of,
    progress,
    wide_of,
    words_of,
)
from waistats.errors import DataError


def reproduce(
    output: Output = DEFAULT_OUTPUT, force: Force = False, word: Word = False
) -> None:
    """Run the main job on published and SIMULATED data."""
    import shutil

    from waistats._files import new_folder
    from waistats.cli._aside import Aside

    with new_folder(output, force=force) as folder, progress(6, "reproduce") as bar:
        bar.step("published coefficients of the WAI")
        beside = folder / ".aside"
        with Aside("waistats.cli.reproduce:other_parts", beside, word) as others:
            # from here on the second process loads its libraries at the same time
            from waistats.cli.reproduce import (
                collection_text,
                published,
                write_published,
                write_report,
            )

            made = published()
            bar.step("report of the published coefficients")
            first = write_published(made, folder, word=word)
            second, third = others.wait(
                bar.step, before=lambda: shutil.rmtree(beside, ignore_errors=True)
            )
        bar.step("report")
        _move_into(beside, folder)
        write_report(made, [first, second, third], folder, word=word)
    print("A. Published coefficients of the WAI")
    print(collection_text(made))
    print("\nB. SIMULATED five-version study: true values and estimates")
    from waistats._format import frame_text

    print(frame_text(second.shown.drop(columns="provenance"), 3))
    print("\nC. CES-D: waistats and metafor")
    print(frame_text(third.shown, 7))
    written(output)


def _move_into(source: Path, target: Path) -> None:
    """Move the files of a folder to the same places in another, and remove the folder."""
    for file in [path for path in source.rglob("*") if path.is_file()]:
        place = target / file.relative_to(source)
        place.parent.mkdir(exist_ok=True)
        file.rename(place)
    for folder in sorted(source.rglob("*"), reverse=True):
        folder.rmdir()
    source.rmdir()


def generalize(
    files: Tables,
    columns: Columns = None,
    wide: Annotated[
        list[str] | None,
        typer.Option(
            help="Several coefficients per row: columns and the column they become, "
            "such as "
            "'alpha_*=scale'."
        ),
    ] = None,
    moderators: Annotated[
        str | None,
        typer.Option(help="Formula, such as '~ rater + np.log(n_items)'."),
    ] = None,
    missing_moderators: MissingModerators = "error",
    candidates: Annotated[
        str | None,
        typer.Option(help="Columns to try as moderators one at a time: country,age."),
    ] = None,
    by: Annotated[
        str, typer.Option(help="Columns that define the cells; empty for none.")
    ] = "instrument,rater,scale",
    measure: Measure = "bonett",
    bias: Bias = "none",
    method: Method = "REML",
    within_correlation: WithinCorrelation = None,
    prediction: Prediction = "confidence-distribution",
    screening: Annotated[
        Path | None, typer.Option(help="Log of the search, one row per record.")
    ] = None,
    coders: Annotated[
        list[Path] | None, typer.Option(help="Sheet of another coder; repeatable.")
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option(
            help="Texts by the authors (question, search, funding ...) in a TOML file; "
            "waistats template texts.toml writes an empty one."
        ),
    ] = None,
    conf_level: ConfLevel = 0.95,
    title: Annotated[
        str | None, typer.Option(help="Subject of the study, for the title.")
    ] = None,
    sheet: Sheet = None,
    encoding: Encoding = None,
    skip_rows: Annotated[
        int, typer.Option(help="Rows to skip above the column names.")
    ] = 0,
    missing_words: Annotated[
        str | None, typer.Option(help="Words for missing values: -,none.")
    ] = None,
    short: Annotated[
        bool,
        typer.Option(
            "--short",
            help="Also write a short report, laid out like a paper.",
        ),
    ] = False,
    figure_format: Annotated[
        str, typer.Option(help="Formats of the figure files: svg, png (300 dpi), pdf.")
    ] = "svg",
    theme: Annotated[
        str, typer.Option(help="Style of the figure files: colour, grey or apa.")
    ] = "colour",
    forest_columns: Annotated[
        str | None,
        typer.Option(
            help="Columns next to the forest plots: n, n_items, estimate, weight and any "
            "column of the table, separated by commas."
        ),
    ] = None,
    forest_by: Annotated[
        str | None,
        typer.Option(help="Column whose groups the forest plots show and compare."),
    ] = None,
    output: Output = DEFAULT_OUTPUT,
    force: Force = False,
    word: Word = False,
) -> None:
    """Pool tables of coefficients, explain, and write the report."""
    from waistats._files import new_folder
    from waistats.errors import check_option
    from waistats.figures._style import FORMATS
    from waistats.figures._theme import THEMES
    from waistats.io._files import read_table
    from waistats.io.readers import read_coefficients
    from waistats.report.folder import write_study
    from waistats.report.forest import checked_forest
    from waistats.rg.combine import read_tables
    from waistats.rg.descriptives import CELL
    from waistats.rg.generalize import generalize as run

    reading: dict[str, Any] = {
        "sheet": sheet,
        "encoding": encoding,
        "skip_rows": skip_rows,
        "missing_words": words_of(missing_words),
    }
    formats = names_of(figure_format) or ["svg"]
    for name in formats:
        check_option("--figure-format", name, FORMATS)
    check_option("--theme", theme, THEMES)
    with progress(3, "generalize") as bar:
        bar.step("tables")
        tables = read_tables(
            files, columns=pairs_of(columns), wide=wide_of(wide), **reading
        )
        bar.step("study")
        study = run(
            tables,
            moderators,
            by=names_of(by.strip() or None) or (),
            measure=measure,
            bias=bias,
            method=method,
            conf_level=conf_level,
            within_correlation=within_correlation,
            candidates=names_of(candidates),
            title=title,
            prediction=prediction,
            screening=None if screening is None else read_table(screening).frame,
            coders=[read_coefficients(path) for path in coders] if coders else None,
            texts=texts,
            missing_moderators=missing_moderators,
        )
        forest = checked_forest(study, names_of(forest_columns), forest_by)
        with new_folder(output, force=force) as folder:
            bar.step("report")
            options = {
                "--columns": columns,
                "--wide": wide,
                "--moderators": moderators,
                "--missing-moderators": missing_moderators
                if missing_moderators != "error"
                else None,
                "--candidates": candidates,
                "--by": by if by != ",".join(CELL) else None,
                "--measure": measure if measure != "bonett" else None,
                "--bias": bias if bias != "none" else None,
                "--method": method if method != "REML" else None,
                "--within-correlation": within_correlation,
                "--prediction": prediction
                if prediction != "confidence-distribution"
                else None,
                "--screening": None if screening is None else screening.name,
                "--coders": [path.name for path in coders] if coders else None,
                "--texts": None if texts is None else texts.name,
                "--conf-level": conf_level if conf_level != 0.95 else None,
                "--title": title,
                "--sheet": sheet,
                "--encoding": encoding,
                "--skip-rows": skip_rows or None,
                "--missing-words": missing_words,
                "--figure-format": figure_format if figure_format != "svg" else None,
                "--theme": theme if theme != "colour" else None,
                "--forest-columns": forest_columns,
                "--forest-by": forest_by,
            }
            call = as_typed("generalize", files, options)
            write_study(
                study,
                folder,
                f"{call} --short" if short else call,
                word=word,
                short=short,
                formats=formats,
                theme=theme,
                forest=forest,
            )
    print(study)
    if not study.title:
        print("\nThe table does not name its instrument; --title gives the report one.")
    if study.moderator_model is not None:
        print(f"\n{study.moderator_model}")
    written(output)


def predict(
    files: Tables,
    instrument: Annotated[str | None, typer.Option(help="Version of the WAI.")] = None,
    rater: Annotated[str | None, typer.Option(help="Who rates.")] = None,
    modality: Annotated[
        str | None, typer.Option(help="Setting, such as video.")
    ] = None,
    n: Annotated[
        str | None, typer.Option(help="Sizes of planned samples: 30,100,300.")
    ] = None,
    n_items: Annotated[int | None, typer.Option(help="Items of the form.")] = None,
    new: Annotated[
        list[str] | None,
        typer.Option(
            help="Value of another moderator of the model, such as mean_age=35; "
            "repeatable."
        ),
    ] = None,
    moderators: Annotated[
        str | None, typer.Option(help="Moderators of the model, as a formula.")
    ] = None,
    missing_moderators: MissingModerators = "error",
    measure: Measure = "bonett",
    bias: Bias = "none",
    method: Method = "REML",
    within_correlation: WithinCorrelation = None,
    prediction: Prediction = "confidence-distribution",
    columns: Columns = None,
    sheet: Sheet = None,
    encoding: Encoding = None,
    conf_level: ConfLevel = 0.95,
    output: Annotated[
        Path | None, typer.Option(help="New CSV file for the prediction, unrounded.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the output file.")
    ] = False,
) -> None:
    """Predict the reliability of a new sample."""
    from waistats._files import write_csv
    from waistats.practice import predict_reliability
    from waistats.rg.combine import read_tables
    from waistats.rg.generalize import generalize as run

    tables = read_tables(
        files, columns=pairs_of(columns), sheet=sheet, encoding=encoding
    )
    study = run(
        tables,
        moderators,
        measure=measure,
        bias=bias,
        method=method,
        conf_level=conf_level,
        within_correlation=within_correlation,
        prediction=prediction,
        missing_moderators=missing_moderators,
    )
    found = predict_reliability(
        study,
        instrument=instrument,
        rater=rater,
        modality=modality,
        n=numbers_of(n),
        n_items=n_items,
        new=_values_of(new),
    )
    print(found)
    if output is not None:
        write_csv(found.to_frame(), output, force=force)
        print(f"\nWrote {output}")


def _values_of(texts: list[str] | None) -> dict[str, Any] | None:
    """Return ``mean_age=35`` as a mapping; what looks like a number is one."""
    if not texts:
        return None
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (equals and name.strip() and value.strip()):
            raise DataError(
                f"--new takes a moderator and its value, such as mean_age=35; got "
                f"{text!r}."
            )
        try:
            values[name.strip()] = float(value)
        except ValueError:
            values[name.strip()] = value.strip()
    return values
