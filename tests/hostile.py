"""What tests of hostile input share: bounded searches, calls, and what came of them."""

import pyreadstat
from hypothesis import HealthCheck, settings

from waistats import WaistatsError
from waistats.cli.app import main

# the same examples at each run, and no clock: other work on a machine is no failure
bounded = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

KINDS = ["csv", "tsv", "xlsx", "sav", "zsav", "dta", "parquet"]


def answer(compute, *arguments, **options):
    """Return a result and no words, or no result and the words of an error."""
    try:
        return compute(*arguments, **options), ""
    except WaistatsError as error:
        return None, str(error)


def run(*arguments):
    """Run the command line here; return its exit code."""
    return main([str(a) for a in arguments])


def write(frame, path):
    """Write a frame as the ending of the path says."""
    kind = path.suffix[1:]
    if kind in ("csv", "tsv"):
        frame.to_csv(path, index=False, sep="," if kind == "csv" else "\t")
    elif kind == "xlsx":
        frame.to_excel(path, index=False)
    elif kind == "parquet":
        frame.to_parquet(path)
    elif kind == "dta":
        pyreadstat.write_dta(frame, path)
    else:
        pyreadstat.write_sav(frame, path, compress=kind == "zsav")
    return path
