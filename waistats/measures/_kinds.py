"""Words for kinds of coefficients, raters and scales -> one word for each."""

import re
import unicodedata
from collections.abc import Iterable, Mapping

import pandas as pd

# Coefficients whose sampling law is that of alpha (KR-20 is alpha of 0/1 items).
ALPHA_TYPES = frozenset({"alpha", "kr20"})

_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "coefficient_type": {
        "alpha": (
            "alpha", "alfa", "α", "cronbach", "cronbachs alpha", "cronbach alpha",
            "cronbachs α", "cronbach α", "coefficient alpha", "alpha coefficient",
            "cronbachs alpha coefficient", "cronbachs coefficient alpha", "raw alpha",
            "internal consistency alpha", "cronbachs alfa", "alfa de cronbach",
            "guttman lambda3", "tau equivalent reliability",
        ),
        "kr20": (
            "kr20", "kr 20", "kuder richardson 20", "kuder richardson",
            "kuder richardson formula 20", "kuderrichardson 20",
        ),
        "omega": ("omega", "ω", "mcdonalds omega", "mcdonald omega", "mcdonalds ω"),
        "omega_total": (
            "omega total", "total omega", "omega t", "omegat", "ωt", "ω t", "ω total",
            "mcdonalds omega total",
        ),
        "omega_hierarchical": (
            "omega hierarchical", "hierarchical omega", "omega h", "omegah", "ωh",
            "ω h", "ω hierarchical", "mcdonalds omega hierarchical",
        ),
        "split_half": ("split half", "splithalf", "split half reliability"),
        "test_retest": (
            "test retest", "testretest", "retest", "test retest correlation",
            "test retest r", "test retest reliability", "rtt", "retest correlation",
        ),
        "icc": (
            "icc", "intraclass correlation", "intra class correlation",
            "intraclass correlation coefficient",
            "intra class correlation coefficient",
        ),
        "kappa": ("kappa", "κ", "cohens kappa", "cohen kappa"),
        "gwet_ac": ("gwet ac", "gwets ac", "gwets ac1", "gwet ac1", "ac1"),
        "unspecified": ("unspecified", "not specified", "not stated"),
    },
    "rater": {
        "client": ("client", "clients", "patient", "patients", "client rated",
                   "patient rated"),
        "therapist": ("therapist", "therapists", "psychotherapist", "counselor",
                      "counsellor", "therapist rated"),
        "observer": ("observer", "observers", "external observer", "observer rated",
                     "independent observer"),
    },
    "scale": {
        "total": ("total", "total score", "total scale", "full scale", "whole scale",
                  "overall", "overall score", "global score"),
        "task": ("task", "tasks", "agreement on tasks", "task agreement",
                 "task subscale"),
        "bond": ("bond", "bonds", "emotional bond", "affective bond", "bond subscale"),
        "goal": ("goal", "goals", "agreement on goals", "goal agreement",
                 "goal subscale"),
    },
}  # fmt: skip

YES = frozenset({"true", "t", "yes", "y", "1", "ja", "x", "si", "sí", "oui"})
NO = frozenset({"false", "f", "no", "n", "0", "nein", "non"})

_ICC_FORM = re.compile(r"^(.*?)[\s(\[]*([123])\s*,\s*(1|k|\d+)[\s)\]]*$", re.IGNORECASE)
_APOSTROPHES = re.compile("['’‘`´ʼ]")


def folded(text: object) -> str:
    """Return a text without case, apostrophes and signs, one blank between words.

    >>> folded("Cronbach’s  ALPHA"), folded("KR-20")
    ('cronbachs alpha', 'kr 20')
    """
    plain = unicodedata.normalize("NFKC", str(text)).casefold()
    plain = _APOSTROPHES.sub("", plain)
    return " ".join("".join(c if c.isalnum() else " " for c in plain).split())


def _index(words: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {folded(word): kind for kind, all_ in words.items() for word in all_}


_KNOWN = {column: _index(words) for column, words in _WORDS.items()}
KIND_COLUMNS = tuple(_KNOWN)


def one_word(column: str, text: object) -> str:
    """Return the word of the contract for what a cell says; its own text otherwise.

    >>> one_word("coefficient_type", "Cronbach's alpha")
    'alpha'
    >>> one_word("coefficient_type", "ICC(2,1)"), one_word("rater", "parent")
    ('icc', 'parent')
    """
    known = _KNOWN.get(column, {})
    said = str(text).strip()
    word = known.get(folded(said))
    if word is None and column == "coefficient_type":
        form = _ICC_FORM.match(said)
        if form is not None and known.get(folded(form[1])) == "icc":
            return "icc"
    return said if word is None else word


def kind_words(kind: str) -> str:
    """Return what a kind of coefficient is called, such as ``omega total``.

    >>> kind_words("kr20"), kind_words("omega_total")
    ('KR-20', 'omega total')
    """
    said = {
        "alpha": "alpha",
        "kr20": "KR-20",
        "icc": "ICC",
        "test_retest": "test–retest",
    }
    return said.get(kind, kind.replace("_", " "))


def icc_form_of(text: object) -> str | None:
    """Return the form that an ICC is called by, such as ``"2,1"``; None for none.

    >>> icc_form_of("ICC (3, k)"), icc_form_of("alpha")
    ('3,k', None)
    """
    form = _ICC_FORM.match(str(text).strip())
    if form is None or _KNOWN["coefficient_type"].get(folded(form[1])) != "icc":
        return None
    return f"{form[2]},{form[3].lower()}"


def in_one_word(values: pd.Series, column: str) -> pd.Series:
    """Return a column with one word for each kind; blanks and other texts stay."""
    words = {
        value: one_word(column, value)
        for value in pd.unique(values.dropna())
        if isinstance(value, str)
    }
    changed = {old: new for old, new in words.items() if old != new}
    return values.replace(changed) if changed else values
