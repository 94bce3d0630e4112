"""Run the command line: ``waistats``, or ``python -m waistats``."""

import signal
import sys


def main() -> int:
    """Load the command line and run it.

    Until it is loaded, SIGINT ends the program as it ends any other: there is nothing
    to clear away, and Python's traceback of an import tells nobody anything.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from waistats.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
