"""Run the command line as ``python -m waistats``."""

import sys

from waistats.cli import main

if __name__ == "__main__":
    sys.exit(main())
