"""Commands of data sets: list, fetch, and where they are."""

from pathlib import Path
from typing import Annotated

import typer

from waistats.cli._options import Force

data_app = typer.Typer(
    help="Data sets: list, download, save, and where they are stored."
)


@data_app.command("list")
def data_list() -> None:
    """List the data sets that are bundled or can be downloaded."""
    import textwrap

    from waistats._format import counted
    from waistats.datasets.bundled import list_datasets

    for _, row in list_datasets().iterrows():
        print(
            f"{row['name']} ({row['kind']}, {counted(row['rows'], 'row')}, "
            f"{row['licence']})"
        )
        print(textwrap.indent(textwrap.fill(row["description"], 80), "    "))


@data_app.command("fetch")
def data_fetch(
    name: Annotated[str, typer.Argument(help="Name of a data set in the list.")],
) -> None:
    """Download an open data set into the cache and check its hash."""
    from waistats._format import counted
    from waistats.datasets.remote import cache_path, fetch_dataset

    frame = fetch_dataset(name)
    print(f"{name}: {counted(len(frame), 'row')} in {cache_path(name)}")
    print(f"Licence: {frame.attrs['licence']}. Cite: {frame.attrs['citation']}")


@data_app.command("path")
def data_path(
    name: Annotated[
        str | None, typer.Argument(help="Name of a data set in the list.")
    ] = None,
) -> None:
    """Print the path of a downloaded data set, or of the cache."""
    from waistats.datasets.remote import cache_path

    print(cache_path(name))


@data_app.command("save")
def data_save(
    name: Annotated[str, typer.Argument(help="Name of a data set in the list.")],
    file: Annotated[Path, typer.Argument(help="The CSV file to write.")],
    force: Force = False,
) -> None:
    """Write a data set that comes with waistats as a CSV file."""
    from waistats._files import write_csv
    from waistats._format import counted
    from waistats.datasets.bundled import load_dataset

    frame = load_dataset(name)
    write_csv(frame, file, force=force)
    print(f"Wrote {file}: {counted(len(frame), 'row')}.")


@data_app.command("example")
def data_example(
    folder: Annotated[
        Path, typer.Argument(help="New folder for the practice files.")
    ] = Path("waistats-examples"),
    force: Force = False,
) -> None:
    """Write SIMULATED practice files: clean and messy SPSS, Qualtrics, a coding sheet."""
    from waistats.datasets.examples import EXAMPLES, write_examples

    written = write_examples(folder, force=force)
    for path in written:
        print(f"{path}: {EXAMPLES[path.name]}")
    print(f"\nTry: waistats alpha {written[0]} --study site --instrument WAI-SR")
