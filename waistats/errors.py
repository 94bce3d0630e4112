"""The errors that users see, and the checks that raise the most common of them."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Real
from typing import Any

# Names that metafor, psych, SPSS, MBESS and pingouin have for options of ours. An alias
# means the same thing, never something alike: metafor's test="adhoc" or test="t", for
# example, are other tests than Knapp-Hartung's and have no name here.
ALIASES: dict[str, dict[str, str]] = {
    "measure": {
        "ABT": "bonett",  # metafor::escalc
        "AHW": "hakstian-whalen",
        "ARAW": "raw",
        "hakstian": "hakstian-whalen",
        "none": "raw",
        "fisher": "fisher-z",
    },
    "method": {
        "EE": "CE",  # metafor::rma
        "FE": "CE",
        "MP": "PM",
        "chi2": "DL",  # statsmodels.combine_effects
        "iterated": "PM",
        "paule-mandel": "PM",
        "dersimonian-laird": "DL",
        "hunter-schmidt": "HS",
        "maximum-likelihood": "ML",
    },
    "small_sample": {
        "knha": "knapp-hartung",  # metafor::rma(test=)
        "hksj": "knapp-hartung",
        "hk": "knapp-hartung",
        "z": "wald",
    },
    "ci": {
        "hakstian": "hakstian-whalen",
        "normal": "normal-theory",
        "boot": "bootstrap",
    },
    "form": {
        # McGraw and Wong (1996), as SPSS and pingouin name them; psych::ICC
        "ICC1": "1,1", "ICC2": "2,1", "ICC3": "3,1",
        "ICC1k": "1,k", "ICC2k": "2,k", "ICC3k": "3,k",
        "A,1": "2,1", "A,k": "2,k", "C,1": "3,1", "C,k": "3,k",
        "ICC(1)": "1,1", "ICC(k)": "1,k",
        "ICC(1,1)": "1,1", "ICC(1,k)": "1,k",
        "ICC(2,1)": "2,1", "ICC(2,k)": "2,k", "ICC(3,1)": "3,1", "ICC(3,k)": "3,k",
        "ICC(A,1)": "2,1", "ICC(A,k)": "2,k", "ICC(C,1)": "3,1", "ICC(C,k)": "3,k",
    },
    "coefficient": {
        "cronbach": "alpha",
        "cronbach_alpha": "alpha",
        "raw_alpha": "alpha",  # psych::alpha
        "std.alpha": "standardized_alpha",
        "omega_t": "omega_total",  # psych::omega
        "omega.tot": "omega_total",
        "omega_h": "omega_hierarchical",
        "kr-20": "kr20",
    },
    "missing": {
        "complete": "listwise",
        "complete.obs": "listwise",
        "pairwise.complete.obs": "pairwise",
        "fiml": "em",
    },
    "struct": {"unstructured": "UN"},
    "adjust": {"bh": "fdr_bh", "fdr": "fdr_bh", "by": "fdr_by"},
}  # fmt: skip


# the least distance of a confidence level from 0 and 1
NEAREST = 1e-9


# control characters, line separators, marks that turn the direction of writing
_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


class WaistatsError(Exception):
    """Base of every error that waistats raises deliberately."""


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
    """Return ``" (did you mean 'x'?)"`` for a name that is a slip away, else ``""``.

    A hint is about spelling and never about meaning: numbers must agree, and a short
    name must be nearly the same.

    >>> near("bonnet", ["raw", "bonett"]), near("AHW", ["raw"]), near("A,1", ["3,1"])
    (" (did you mean 'bonett'?)", '', '')
    """
    word = str(name).casefold()
    digits = re.sub(r"\D", "", word)
    folded = {
        option.casefold(): option
        for option in map(str, known)
        if re.sub(r"\D", "", option) == digits
    }
    cutoff = 0.65 if len(word) > 3 else 0.8
    match = get_close_matches(word, list(folded), n=1, cutoff=cutoff)
    return f" (did you mean {folded[match[0]]!r}?)" if match else ""


def check_option(name: str, value: Any, options: Iterable[str]) -> Any:
    """Return the name of an option's value, or raise a ModelError.

    Names of metafor, psych, SPSS and pingouin are taken (`ALIASES`), and
    capitals do not count where only one option is meant.
    """
    allowed = list(options)
    if isinstance(value, str):
        if value in allowed:
            return value
        word = value.strip().casefold()
        alike = [option for option in allowed if option.casefold() == word]
        if len(alike) == 1:
            return alike[0]
        for alias, meant in ALIASES.get(name, {}).items():
            if alias.casefold() == word and meant in allowed:
                return meant
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
