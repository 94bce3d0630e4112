"""What studies and moderators are called inside a note."""

import re

import pandas as pd

from waistats._labels import inside_words
from waistats.figures._rows import study_names
from waistats.rg.study import RGStudy

_NAMES = {"pct_female": "percentage of women"}
_SAME = re.compile(
    r"(not distinguishable from|the same contrast as|tested once, under) "
    r"(.+?)(?= in these rows|[;,]|$)"
)


def name_words(name: str) -> str:
    """Return a column's name in words."""
    return _NAMES.get(name, inside_words(name))


def why_words(study: RGStudy, why: str) -> str:
    """Return a reason in which studies and moderators have the names of elsewhere."""
    why = _SAME.sub(_in_words, why)
    for identifier, called in study_names(study.effects).items():
        for text in (f"study {identifier} ", f"{identifier} "):
            if why.startswith(f"{text}alone"):
                return f"{called} {why.removeprefix(text)}"
    return why


def named_tests(study: RGStudy, tests: pd.DataFrame) -> pd.DataFrame:
    """Return tests of moderators whose reasons name studies and moderators in words."""
    said = {
        name: [why_words(study, str(text)) for text in tests[name].fillna("")]
        for name in ("note", "why")
        if name in tests
    }
    return tests.assign(**said)


def _in_words(found: re.Match[str]) -> str:
    names = " and ".join(name_words(name) for name in found[2].split(" and "))
    return f"{found[1]} {names}"
