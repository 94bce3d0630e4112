"""Worded answers to numbers: Never ... Always, ``5 - Always``, ``Always (5)``.

A word gets its number from ``labels=``, or from answers that carry both. Words that say
that there is no answer become missing; any other word is an error that names it.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from waistats.errors import ModelError
from waistats.instruments._codes import means_missing

Labels: TypeAlias = Sequence[str] | Mapping[str, float]

_NUMBER = r"[-−]?\d+(?:[.,]\d+)?"
# "5 - Always", "5: Always", "(5) Always", "5=Always", "5 Always"
_BEFORE = re.compile(
    rf"[\[(]?(?P<number>{_NUMBER})(?:[\])]|\s*[-–—:.=)]|\s)\s*(?P<word>[^\W\d_].*)",
    re.S,
)
# "Always (5)", "Always [5]", "Always = 5", "Always - 5"
_AFTER = re.compile(
    rf"(?P<word>[^\W\d_].*?)\s*(?:[\[(]\s*(?P<in>{_NUMBER})\s*[\])]"
    rf"|[-–—:=]\s*(?P<after>{_NUMBER}))",
    re.S,
)
# LimeSurvey's codes of answers: A1 ... A5, AO01 ... AO05
_CODE = re.compile(r"[A-Z]{1,2}0*(\d{1,2})")


def label_values(labels: Labels | None) -> dict[str, float]:
    """Return folded words and their numbers; a list of words counts from 1.

    In a mapping, None or NaN means that the word is no answer.
    """
    if labels is None:
        return {}
    if isinstance(labels, str) or not isinstance(labels, Sequence | Mapping):
        raise ModelError(
            "labels must be a list of words in order, or a mapping of words to "
            f"numbers; got {labels!r}."
        )
    pairs: list[tuple[Any, Any]] = (
        list(labels.items())
        if isinstance(labels, Mapping)
        else [(word, float(i)) for i, word in enumerate(labels, start=1)]
    )
    values: dict[str, float] = {}
    for word, number in pairs:
        if not isinstance(word, str) or not word.strip():
            raise ModelError(f"labels must be words; got {word!r}.")
        if number is not None and (
            isinstance(number, bool) or not isinstance(number, int | float)
        ):
            raise ModelError(f"labels must give numbers; {word!r} has {number!r}.")
        if number is not None and math.isinf(number):
            raise ModelError(f"labels must give finite numbers; {word!r} has {number}.")
        if fold(word) in values:
            raise ModelError(f"labels names {word!r} twice.")
        values[fold(word)] = math.nan if number is None else float(number)
    if not values:
        raise ModelError("labels is empty; name the words of the answers in order.")
    return values


def fold(word: str) -> str:
    """Return a word as it is compared: without case and outer or doubled blanks."""
    return " ".join(word.split()).casefold()


def numbered(text: str) -> tuple[float, str] | None:
    """Return the number and the word of an answer that carries both, else None.

    >>> [numbered(t) for t in ("5 - Always", "5 Always", "Always (5)", "Always")]
    [(5.0, 'Always'), (5.0, 'Always'), (5.0, 'Always'), None]
    """
    text = " ".join(text.split())
    match = _BEFORE.fullmatch(text) or _AFTER.fullmatch(text)
    if match is None:
        return None
    found = match.groupdict()
    number = found.get("number") or found.get("in") or found.get("after") or ""
    word = found["word"].strip()
    return float(number.replace(",", ".").replace("−", "-")), word


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the texts of answers stand for.

    Attributes
    ----------
    known : mapping
        Folded words and their numbers, from ``labels=``; NaN for no answer.
    missing : frozenset of str
        Further folded words that mean that there is no answer.
    codes : bool
        Whether ``A1 ... A5`` are numbers, as in LimeSurvey's exports.
    learned : mapping
        Folded words and the numbers that other answers carry with them.
    """

    known: Mapping[str, float] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    codes: bool = False
    learned: Mapping[str, float] = field(default_factory=dict)

    def read(self, texts: Iterable[str]) -> "ReadWords":
        """Return what the distinct texts of one column stand for."""
        texts = list(texts)
        pairs = {text: pair for text in texts if (pair := numbered(text)) is not None}
        own: dict[str, float] = {}
        unclear: set[str] = set()
        for number, word in pairs.values():
            if own.setdefault(fold(word), number) != number:
                unclear.add(fold(word))
        found = ReadWords(own={k: v for k, v in own.items() if k not in unclear})
        for text in texts:
            value = self._value(text, pairs.get(text), found.own, unclear)
            if value is None:
                continue
            found.values[text] = value
            if math.isnan(value):
                if fold(text) not in self.missing and fold(text) not in self.known:
                    found.no_answer.append(text)
            elif text in pairs:
                found.numbered.append(text)
                found.spelled.setdefault(value, pairs[text][1])
            elif self.codes and _CODE.fullmatch(text.strip()):
                found.codes.append(text)
            elif fold(text) in found.own or fold(text) in self.learned:
                found.spelled.setdefault(value, text)
        return found

    def _value(
        self,
        text: str,
        pair: tuple[float, str] | None,
        own: Mapping[str, float],
        unclear: set[str],
    ) -> float | None:
        """Return the number of a text, NaN for no answer, None where it is unknown."""
        key = fold(text)
        if key in self.missing:
            return math.nan
        if key in self.known:
            return self.known[key]
        if pair is not None:
            number, word = pair
            inner = fold(word)
            if inner in unclear or self.known.get(inner, number) != number:
                return None
            says_none = inner not in self.known and means_missing(word)
            return math.nan if inner in self.missing or says_none else number
        for learned in (own, self.learned):
            if key in learned and key not in unclear:
                return learned[key]
        code = _CODE.fullmatch(text.strip()) if self.codes else None
        if code is not None:
            return float(code.group(1))
        return math.nan if means_missing(text) else None


@dataclass(slots=True, kw_only=True)
class ReadWords:
    """The texts of one column, as far as they are known.

    Attributes
    ----------
    own : dict
        Folded words and the numbers that answers of this column carry with them.
    values : dict
        Text to number, NaN for no answer.
    numbered : list of str
        Texts that carry a number and a word.
    no_answer : list of str
        Texts that nobody named and that say that there is no answer.
    codes : list of str
        Texts that are codes such as A1.
    spelled : dict
        Number to the word of the answer.
    """

    own: dict[str, float]
    values: dict[str, float] = field(default_factory=dict)
    numbered: list[str] = field(default_factory=list)
    no_answer: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    spelled: dict[float, str] = field(default_factory=dict)


def learned_words(columns: Iterable[Iterable[str]]) -> dict[str, float]:
    """Return the words that carry one and the same number in all columns."""
    found: dict[str, float] = {}
    unclear: set[str] = set()
    for texts in columns:
        for number, word in filter(None, map(numbered, texts)):
            if found.setdefault(fold(word), number) != number:
                unclear.add(fold(word))
    return {word: number for word, number in found.items() if word not in unclear}
