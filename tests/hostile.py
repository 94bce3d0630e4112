"""What tests of hostile input share: bounded searches, calls, and what came of them."""

from hypothesis import HealthCheck, settings

from waistats.cli import main
from waistats.errors import WaistatsError

# the same examples at each run, and no clock: other work on a machine is no failure
bounded = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def answer(compute, *arguments, **options):
    """Return a result and no words, or no result and the words of an error."""
    try:
        return compute(*arguments, **options), ""
    except WaistatsError as error:
        return None, str(error)


def run(*arguments):
    """Run the command line here; return its exit code."""
    return main([str(a) for a in arguments])
