"""The server of the app: one machine, one token, a private folder that goes at the end."""

import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from waistats.app._guard import Guard
from waistats.errors import DataError

HOST = "127.0.0.1"
# a message of the page is a choice or two; files come by another way
_LARGEST_MESSAGE = 2**20


def serve(
    file: Path | None = None,
    *,
    port: int = 0,
    opened: Callable[[str], None] = print,
) -> None:
    """Run the app until it is stopped.

    Parameters
    ----------
    file : Path, optional
        A file to begin with.
    port : int, default 0
        Where to listen on 127.0.0.1; 0 takes any free port.
    opened : callable
        Told the address, token included, once the app listens there.

    Raises
    ------
    DataError
        If the file cannot be read, or the port is in use.
    """
    # nothing is sent to a collector of traces, whatever the environment asks for
    os.environ["SHINY_OTEL_COLLECT"] = "none"
    import uvicorn

    from waistats.app._page import inline_scripts, make_app

    if file is not None and not file.is_file():
        raise DataError(f"{file}: there is no such file.")
    listening = _listen(port)
    token = secrets.token_urlsafe(24)
    at = int(listening.getsockname()[1])
    before = tempfile.tempdir, os.environ.get("TMPDIR")
    folder = Path(tempfile.mkdtemp(prefix="waistats-app-"))
    # uploads, and whatever a library writes on the way, stay in the private folder
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    try:
        program = make_app(folder, file)
        scripts = inline_scripts(program)
        config = uvicorn.Config(
            Guard(program, token=token, port=at, scripts=scripts),
            log_level="error",
            access_log=False,
            server_header=False,
            ws_max_size=_LARGEST_MESSAGE,
            timeout_graceful_shutdown=1,
        )
        opened(f"http://{HOST}:{at}/{token}/")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
    finally:
        _restore(*before)
        listening.close()
        shutil.rmtree(folder, ignore_errors=True)


def _restore(folder: str | None, named: str | None) -> None:
    tempfile.tempdir = folder
    if named is None:
        os.environ.pop("TMPDIR", None)
    else:
        os.environ["TMPDIR"] = named


def _listen(port: int) -> socket.socket:
    """Return a socket on loopback; it listens before its address is told."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOST, port))
        made.listen(128)
    except (OSError, OverflowError) as error:
        made.close()
        raise DataError(
            f"port {port} cannot be used ({getattr(error, 'strerror', error)}). Choose "
            "another with --port, or leave --port out to take any free one."
        ) from error
    return made
