"""The command line."""

from waistats.cli.app import main

__all__ = ["main"]
