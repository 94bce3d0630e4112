"""What users read is in the plain words of a statistical package (CONTRIBUTING.md)."""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from waistats import get_instrument, list_instruments

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "waistats"
HEADING = "## The words users read"
# texts that have a wording of the list for a good reason: (file, wording)
ALLOWED: set[tuple[str, str]] = {
    ("report/robustness.py", "was left out"),  # ... in turn
    ("docs/how-to/huge-data.md", "is left out"),
}
# numbers that are never 1, since what has fewer is not pooled or not written
MANY = {
    ("app/_project.py", "len(members)"),
    ("app/_teaching.py", "count(int(frame['n'].sum()))"),
    ("report/abstract.py", "count(row['k'])"),
    ("report/abstract.py", "count(row['n'])"),
    ("report/robustness.py", "count(fit.k)"),
    ("report/robustness.py", "count(len(rows))"),
    ("report/robustness.py", "found.k"),
    ("report/text.py", "count(row['n'])"),
    ("report/method.py", "studies"),
    ("report/method.py", "three.k"),
}


def word_list() -> list[tuple[str, str]]:
    """Return the avoided wording of CONTRIBUTING.md and what to write instead."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = text.split(HEADING)[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", section, flags=re.MULTILINE)
    return [row for row in rows if row[0] not in ("Avoid", "---")]


def pattern(avoided: str) -> re.Pattern[str]:
    """Return the pattern of a wording; three dots in it stand for some words."""
    parts = [re.escape(part.strip()) for part in avoided.split("...")]
    words = r"\W[^.;:]{1,40}?\W".join(part for part in parts if part)
    return re.compile(rf"(?<![\w-])(?<!there ){words}(?!\w)", re.IGNORECASE)


PATTERNS = {avoided: pattern(avoided) for avoided, _ in word_list()}


def shown(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and words of all texts and docstrings of a module."""
    skip: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = []
            for part in node.values:
                skip.add(id(part))
                parts.append(part.value if isinstance(part, ast.Constant) else "{}")
            yield node.lineno, "".join(map(str, parts))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in skip
        ):
            yield node.lineno, node.value


def avoided_in(text: str) -> list[str]:
    """Return the wordings of the list that a text has."""
    text = " ".join(text.split())
    return [avoided for avoided, found in PATTERNS.items() if found.search(text)]


def test_no_avoided_wording():
    """In messages and docstrings, those of private modules too."""
    wrong = [
        f"waistats/{name}:{line}: {avoided!r} in {text[:70]!r}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for name in [path.relative_to(PACKAGE).as_posix()]
        for line, text in shown(ast.parse(path.read_text("utf-8")))
        for avoided in avoided_in(text)
        if (name, avoided) not in ALLOWED
    ]
    assert not wrong, "\n".join(wrong)


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name and words of every page and of the notebooks' texts."""
    written = [ROOT / n for n in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md")]
    written += [ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
    written += sorted((ROOT / "docs" / "reference").rglob("*.rst"))
    for path in written:
        yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    before, section = text.split(HEADING)
    yield "CONTRIBUTING.md", before + section.split("\n## ", 1)[1]
    for path in sorted((ROOT / "analyses").rglob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        told = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
        yield path.relative_to(ROOT).as_posix(), "\n\n".join(told)
    # codebooks are shown by `waistats data list` and in every coding sheet
    for path in sorted((ROOT / "data").glob("*.json")):
        told = texts_in(json.loads(path.read_text("utf-8")))
        yield path.relative_to(ROOT).as_posix(), "\n\n".join(dict.fromkeys(told))
    for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")):
        yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


def texts_in(value: object) -> Iterator[str]:
    """Yield all texts of a JSON file."""
    if isinstance(value, str):
        yield value
    parts = value.values() if isinstance(value, dict) else value
    if isinstance(parts, Iterable) and not isinstance(parts, str):
        for part in parts:
            yield from texts_in(part)


def test_no_avoided_wording_on_pages():
    # code and its output are the package's own words, which the test above reads
    bare = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
    wrong = [
        f"{name}: {avoided!r} in {part[:70]!r}"
        for name, text in pages()
        for part in bare.sub("", text).split("\n\n")
        for avoided in avoided_in(part)
        if (name, avoided) not in ALLOWED
    ]
    assert not wrong, "\n".join(wrong)


NOUNS = [
    "alphas", "answers", "cells", "clusters", "codes", "coefficients", "columns",
    "effects", "factors", "files", "groups", "items", "lines", "outcomes", "people",
    "permutations", "persons", "problems", "raters", "ratings", "records",
    "resamples", "respondents", "rows", "samples", "scales", "sessions",
    "specifications", "studies", "subsets", "targets", "terms", "texts",
]  # fmt: skip
# a number that is never 1: a bound, a name in capitals, or one that was tested before
NEVER_ONE = re.compile(r"least|most|min_n|^[A-Z_]+$|effects$|^word$")
# what gives a text and not a number
TEXTS = ("option", "kind_words", "' and '.join", "word")
COUNTED = re.compile(rf"^ (?:SIMULATED )?(?:{'|'.join(NOUNS)})\b")


def bare_counts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and code of numbers with a plural that would stay after 1."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        parts = node.values
        for i, (part, after) in enumerate(pairwise(parts)):
            if not isinstance(part, ast.FormattedValue):
                continue
            words = isinstance(part.value, (ast.IfExp, ast.Subscript)) or (
                isinstance(part.value, ast.Call)
                and ast.unparse(part.value.func) in TEXTS
            )
            if words or not isinstance(after, ast.Constant):
                continue
            value = ast.unparse(part.value)
            before = parts[i - 1] if i else None
            lead = before.value if isinstance(before, ast.Constant) else ""
            # "1 of 3 rows" and "12 to 24 items" have their plural whatever the number
            if re.search(r"\b(of|to|of the|all|the) $", str(lead)):
                continue
            if COUNTED.match(str(after.value)) and not NEVER_ONE.search(value):
                yield part.lineno, value


def test_a_number_and_its_noun_agree():
    """``counted(n, "row")`` writes "1 row"; an f-string would write "1 rows"."""
    wrong = [
        f"{name}:{line}: {value} with a plural"
        for path in sorted(PACKAGE.rglob("*.py"))
        for name in [path.relative_to(PACKAGE).as_posix()]
        for line, value in bare_counts(ast.parse(path.read_text("utf-8")))
        if (name, value) not in MANY
    ]
    assert not wrong, "\n".join(wrong)


def test_the_search_for_counts_finds_them():
    tree = ast.parse('f"{n} rows"; f"1 of {n} rows"; f"{counted(n, \'row\')} left"')
    assert [text for _, text in bare_counts(tree)] == ["n"]


OURS = {
    "ConvergenceError", "DataError", "ModelError", "OpenError", "ResponsesError",
    "WaistatsError",
}  # fmt: skip
# what an operating system or a parser says of a place, not of a cause
PLACES = re.compile(r"\.(strerror|filename|lineno|colno|start|errno)\b")


def foreign_words(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield places where the text of another library's error becomes a message."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler) or node.name is None:
            continue
        caught = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)}
        if caught <= OURS:
            continue
        for part in ast.walk(node):
            if isinstance(part, ast.FormattedValue):
                said = ast.unparse(part.value)
                plain = re.search(rf"\b{node.name}\b", said) and "(" not in said
                if (plain and not PLACES.search(said)) or re.search(
                    rf"^(str|repr|type)\({node.name}\)", said
                ):
                    yield part.lineno, said


def test_other_libraries_do_not_speak_to_users():
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line, text in foreign_words(ast.parse(path.read_text("utf-8")))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "3 things must be mended",
        "items turned round",
        "DL did not settle in 100 rounds",
        "columns= names 'x', which the table has not",
        "'x' is no column of the table",
        "3 coefficients left out",
    ],
)
def test_the_list_finds_what_it_is_for(text):
    assert avoided_in(text)


@pytest.mark.parametrize("text", ["x is not a column", "there is no column 'x'"])
def test_plain_words_pass(text):
    assert not avoided_in(text)


def test_every_avoided_wording_has_a_better_one():
    rows = word_list()
    assert len(rows) > 30
    assert not [row for row in rows if avoided_in(row[1])]


def test_marks_of_the_curators_are_not_shown():
    cards = [str(get_instrument(name, provisional=True)) for name in usable()]
    assert len(cards) > 5
    assert not [card for card in cards if re.search(r"\b(SEEN|KNOWN|PART)\b", card)]


def usable() -> list[str]:
    """Return the forms that come with a key."""
    forms = list_instruments()
    return list(forms.loc[forms["status"] != "no", "name"])
