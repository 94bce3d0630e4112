"""The local app."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from waistats.errors import DataError


def app(
    file: Annotated[
        Path | None, typer.Argument(help="A file to begin with.", show_default=False)
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            help="Port on 127.0.0.1; by default any free one.", min=0, max=65535
        ),
    ] = 0,
    browser: Annotated[
        bool,
        typer.Option("--browser/--no-browser", help="Open the page in the browser."),
    ] = True,
) -> None:
    """Open the app: the same analyses by pointing.

    Prints the address, which holds a token; stop it with Ctrl-C.
    """
    if find_spec("shiny") is None:
        raise DataError(
            "the app needs the package shiny, which is not installed. Install it with: "
            "pip install 'waistats[app]'"
        )
    from waistats.app._serve import serve

    def opened(address: str) -> None:
        print(address)
        typer.echo(
            "The page is for this machine only. Stop the app with Ctrl-C; uploaded files "
            "are removed then.",
            err=True,
        )
        if browser:
            import webbrowser

            webbrowser.open(address)

    serve(file, port=port, opened=opened)
