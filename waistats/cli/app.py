"""The command line: the commands of every module, and how a call begins and ends."""

from typing import Annotated

import typer

from waistats._caller import TERMINAL, calling
from waistats.cli._terminal import as_program, guarded, leave_quietly
from waistats.cli.data import data_app
from waistats.cli.files import check, template
from waistats.cli.project import project_app
from waistats.cli.responses import alpha, items, summarize
from waistats.cli.retrace import retrace
from waistats.cli.start import app as local_app, start
from waistats.cli.study import generalize, predict, reproduce

app = typer.Typer(
    help="Reliability generalization of the Working Alliance Inventory.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
COMMANDS = (
    *(reproduce, start, alpha, items, generalize, check, template, predict),
    *(retrace, summarize, local_app),
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(data_app, name="data", no_args_is_help=True)
app.add_typer(project_app, name="project", no_args_is_help=True)


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

    def run() -> object:
        if arguments is None:
            as_program()
        # to put the options together takes a while, in which a signal may come
        command = typer.main.get_command(app)
        return command.main(args=arguments, prog_name="waistats", standalone_mode=False)

    with calling(TERMINAL):
        code = guarded(run)
    if arguments is None:
        leave_quietly()
    return code
