"""Commands of a whole study: reproduce, generalize, predict."""

from typing import Annotated, Any

import typer

from waistats.cli._options import (
    DEFAULT_OUTPUT,
    Columns,
    ConfLevel,
    File,
    Force,
    Output,
    Sheet,
    Word,
    written,
)
from waistats.cli._terminal import as_typed, names_of, numbers_of, pairs_of, progress


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
    written(output)


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
    written(output)


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
