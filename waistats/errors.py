"""The errors that users see, and the checks that raise the commonest of them."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Real

# the least distance of a confidence level from 0 and 1
NEAREST = 1e-9


# control characters, line separators, marks that turn the direction of writing
_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


class WaistatsError(Exception):
    """Base of every error that waistats raises on purpose."""


class DataError(WaistatsError, ValueError):
    """The data cannot be used as they are; the message names every bad place."""


class ModelError(WaistatsError, ValueError):
    """What was asked for is not defined for these data or options."""


class ConvergenceError(WaistatsError):
    """An iterative estimate did not reach its tolerance."""


def visible(text: str, keep: str = "") -> str:
    r"""Return a text with signs that would move or hide other text as escapes.

    >>> print(visible("Li\n2001"), visible("Łukasz 2001"))
    Li\n2001 Łukasz 2001
    """
    return _UNSEEN.sub(
        lambda m: m[0] if m[0] in keep else m[0].encode("unicode_escape").decode(), text
    )


def listing(values: Iterable[object], most: int = 12) -> str:
    """Join values for a message, cutting a long list and saying how long it was."""
    texts = [str(value) for value in values]
    if len(texts) <= most:
        return ", ".join(texts)
    return f"{', '.join(texts[:most])} and {len(texts) - most} more"


def near(name: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the closest known name, else ``""``."""
    options = [str(option) for option in known]
    folded = {option.lower(): option for option in options}
    match = get_close_matches(str(name).lower(), list(folded), n=1, cutoff=0.6)
    return f" (did you mean {folded[match[0]]!r}?)" if match else ""


def check_option(name: str, value: object, options: Iterable[str]) -> None:
    """Raise a ModelError unless ``value`` is one of ``options``."""
    allowed = list(options)
    if not (isinstance(value, str) and value in allowed):
        words = ", ".join(repr(option) for option in allowed)
        hint = near(str(value), allowed)
        raise ModelError(f"{name} must be one of {words}; got {value!r}{hint}.")


def check_conf_level(conf_level: float) -> None:
    """Raise a ModelError unless ``conf_level`` lies between 0 and 1.

    Levels so near to 0 or 1 that rounding decides where an interval ends are refused.
    """
    number = isinstance(conf_level, Real) and not isinstance(conf_level, bool)
    if not (number and 0 < conf_level < 1):
        raise ModelError(
            f"conf_level must lie between 0 and 1, such as 0.95; got {conf_level!r}."
        )
    if not NEAREST < conf_level < 1 - NEAREST:
        raise ModelError(
            f"conf_level must stay {NEAREST:g} away from 0 and 1, or rounding decides "
            f"where intervals end; got {conf_level!r}."
        )
