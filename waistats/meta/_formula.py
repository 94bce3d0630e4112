"""The language of formulas: text -> terms, checked before anything is computed.

A formula is made of column names (any name in backticks), ``+ - : * ** / ()``, ``0``
and ``1``, and calls of a closed list of functions (`waistats.meta._calls`). Nothing
that is typed is handed to Python: `waistats.meta._encoding` evaluates the tree.
"""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from waistats.errors import ModelError
from waistats.meta._calls import (
    ADVICE,
    ELSEWHERE,
    MARK,
    MOST_DEGREE,
    Checker,
    Factor,
    Source,
    shortened,
    unparsed,
)

# bounds on what a short text may ask for
MOST_TEXT = 20_000
MOST_TERMS = 2_000
_MOST_DEPTH = 60

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<quoted>`(?:[^`]|``)*`)
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)
  | (?P<op>\*\*|[-+:*/()])
  | (?P<end>$)
  | (?P<other>.)
    )""",
    re.VERBOSE | re.DOTALL,
)
_STRING = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_INSIDE = re.compile(rf"{_STRING}|`(?:[^`]|``)*`|.", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """A formula as sums of products.

    Attributes
    ----------
    text : str
        As typed, with its tilde.
    intercept : bool
        Whether there is one.
    terms : tuple of tuple of str
        Texts of the factors of each term: main effects first, then interactions.
    factors : dict of str to Factor
        Factors by their text.
    variables : tuple of str
        Columns of the table, in order of appearance.
    """

    text: str
    intercept: bool
    terms: tuple[tuple[str, ...], ...]
    factors: dict[str, Factor]
    variables: tuple[str, ...]


def parse_formula(formula: str, columns: Iterable[str] = ()) -> Formula:
    """Return the terms of a formula; ``columns`` only helps to word the errors.

    Raises
    ------
    ModelError
        For anything outside the language, with what to write instead.

    Examples
    --------
    >>> parse_formula("~ rater * np.log( n_items )").terms
    (('rater',), ('np.log(n_items)',), ('rater', 'np.log(n_items)'))
    """
    text = _with_tilde(formula)
    known = [str(c) for c in columns]
    _refuse_private(text, known)
    parser = _Parser(text, known)
    try:
        terms = parser.formula()
    except RecursionError:
        raise parser.error("it is nested too deeply") from None
    ordered = tuple(sorted((t for t in terms if t), key=len))
    used = dict.fromkeys(name for term in ordered for name in term)
    factors = {name: parser.factors[name] for name in used}
    variables = dict.fromkeys(v for f in factors.values() for v in f.variables)
    return Formula(
        text=text,
        intercept=() in terms,
        terms=ordered,
        factors=factors,
        # appearance in the text, not in the terms
        variables=tuple(v for v in parser.seen if v in variables),
    )


def in_formula(name: str) -> str:
    """Return a column's name as a formula spells it: in backticks where it must be.

    >>> in_formula("rater"), in_formula("mean age")
    ('rater', '`mean age`')
    """
    plain = name.isidentifier() and "__" not in name
    return name if plain else f"`{name.replace('`', '``')}`"


def _with_tilde(formula: object) -> str:
    if not isinstance(formula, str) or not formula.strip():
        raise ModelError(
            "moderators must be a formula such as '~ modality + np.log(n_items)'; got "
            f"{formula!r}."
        )
    text = formula.strip()
    if len(text) > MOST_TEXT:
        raise ModelError(
            f"moderators: a formula has at most {MOST_TEXT:,} characters; this one has "
            f"{len(text):,}."
        )
    bare = re.sub(r"`(?:[^`]|``)*`", "", text)
    if "~" in bare:
        left, right = text.split("~", 1) if not text.startswith("`") else ("x", "")
        if left.strip():
            raise ModelError(
                f"moderators {formula!r}: the left side of ~ must be empty; the "
                "effects are always the response."
            )
        if not right.strip():
            raise ModelError(
                "moderators must be a formula such as '~ modality + np.log(n_items)'; "
                f"got {formula!r}."
            )
    return text if text.startswith("~") else f"~ {text}"


def _refuse_private(text: str, columns: list[str]) -> None:
    bare = re.sub(r"`(?:[^`]|``)*`", " ", text)
    if any("__" in word and word not in columns for word in re.findall(r"\w+", bare)):
        raise ModelError(
            f"moderators {shortened(text)!r}: double underscores are refused. {ADVICE}"
        )


_Terms = dict[tuple[str, ...], None]


class _Parser:
    """A recursive-descent parser of sums, products and factors."""

    def __init__(self, text: str, columns: list[str]) -> None:
        self.source = Source(text=text, columns=tuple(columns))
        self.text, self.columns = text, columns
        self.position = 1
        self.depth = 0
        self.factors: dict[str, Factor] = {}
        self.seen: dict[str, None] = {}
        self.kind, self.token, self.start = "", "", 1
        self.advance()

    def error(self, why: str) -> ModelError:
        return self.source.error(why)

    def advance(self) -> None:
        match = _TOKEN.match(self.text, self.position)
        assert match is not None
        assert match.lastgroup is not None
        self.kind, self.token = match.lastgroup, match.group(match.lastgroup)
        self.start, self.position = match.start(match.lastgroup), match.end()
        if self.kind == "other":
            raise self._misplaced(self.token)

    def _misplaced(self, sign: str) -> ModelError:
        if sign in "{}":
            return ModelError(
                f"moderators {shortened(self.text)!r}: code in braces is refused. "
                f"{ADVICE}"
            )
        if sign == "|":
            return ModelError(
                f"moderators {shortened(self.text)!r}: | would make two models; use + "
                "or *."
            )
        if sign == "^":
            return self.error("a power is written **, such as (x + y)**2 or I(x**2)")
        if sign == "`":
            return self.error("a backtick is not closed")
        if sign == ".":
            return self.error(
                "a dot for all columns is not supported; name the moderators"
            )
        if sign == "%":
            return self.error(
                "% is not allowed in a formula. A column with % in its name goes in "
                f"backticks{self._column_near(self.start)}"
            )
        if sign in "[]":
            return self.error(
                f"{sign} is not allowed in a formula: values cannot be picked or "
                "reordered. A column with brackets in its name goes in backticks"
                f"{self._column_near(self.start)}"
            )
        if sign == "~":
            return self.error("~ appears twice")
        return self.error(
            f"{sign!r} is not allowed in a formula. A column whose name is more than "
            "letters, digits and _ goes in backticks"
            f"{self._column_near(self.start) or ', such as `mean age`'}"
        )

    def _column_near(self, start: int) -> str:
        """Return the column whose name is spelled around a place of the text."""
        found = [
            name
            for name in self.columns
            for at in [m.start() for m in re.finditer(re.escape(name), self.text)]
            if at <= start < at + len(name)
        ]
        return f": `{max(found, key=len)}`" if found else ""

    def formula(self) -> _Terms:
        terms = self.sum(top=True)
        if self.kind != "end":
            raise self._after()
        return terms

    def _after(self) -> ModelError:
        """Return the error for a token where an operator was expected."""
        if self.token == ")":
            return self.error("a bracket is closed that was not opened")
        before = self.text[1 : self.start].strip()
        named = self._column_near(self.start)
        if self.kind in ("name", "quoted", "number"):
            return self.error(
                f"an operator such as + is missing between {shortened(before, 30)!r} "
                f"and {self.token!r}. A column with a space in its name goes in "
                f"backticks{named}"
            )
        return self.error(f"{self.token!r} is misplaced")

    def sum(self, *, top: bool = False) -> _Terms:
        """Return the terms of ``a + b - c``."""
        self.depth += 1
        if self.depth > _MOST_DEPTH:
            raise self.error("it is nested too deeply")
        terms: _Terms = {(): None} if top else {}
        sign = "+"
        if self.kind == "op" and self.token in "+-":
            sign = self.token
            self.advance()
        while True:
            if self.kind == "number" and self._is_alone():
                self._constant(terms, sign)
            else:
                right = self.product()
                for term in right:
                    if sign == "+":
                        terms[term] = None
                    else:
                        terms.pop(term, None)
            if not (self.kind == "op" and self.token in ("+", "-")):
                self.depth -= 1
                return terms
            sign = self.token
            self.advance()
            self._bound(terms)

    def _is_alone(self) -> bool:
        following = _TOKEN.match(self.text, self.position)
        assert following is not None
        return following.group().strip() in ("", "+", "-", ")")

    def _constant(self, terms: _Terms, sign: str) -> None:
        """Add or drop the intercept."""
        if self.token not in ("0", "1"):
            raise self._number()
        if (self.token == "1") == (sign == "+"):
            terms[()] = None
        else:
            terms.pop((), None)
        self.advance()

    def _number(self) -> ModelError:
        return self.error(
            f"the number {self.token} is not a term; only 0 and 1, for the intercept, "
            "are. Arithmetic goes in I(), such as I(2 * x)"
        )

    def _bound(self, terms: _Terms) -> None:
        if len(terms) > MOST_TERMS:
            raise ModelError(
                f"moderators {shortened(self.text)!r} have more than {MOST_TERMS:,} "
                "terms. Name the interactions that are of interest."
            )

    def product(self) -> _Terms:
        """Return the terms of ``a * b`` and ``a / b``, from left to right."""
        left = self.interaction()
        while self.kind == "op" and self.token in ("*", "/"):
            sign = self.token
            self.advance()
            right = self.interaction()
            whole: _Terms = {_joined(factor for term in left for factor in term): None}
            crossed = self._crossed(left if sign == "*" else whole, right)
            left = left | (right if sign == "*" else {}) | crossed
            self._bound(left)
        return left

    def interaction(self) -> _Terms:
        """Return the terms of ``a : b``."""
        left = self.power()
        while self.kind == "op" and self.token == ":":
            self.advance()
            left = self._crossed(left, self.power())
        return left

    def _crossed(self, left: _Terms, right: _Terms) -> _Terms:
        if len(left) * len(right) > 50 * MOST_TERMS:
            self._bound(dict.fromkeys((str(i),) for i in range(MOST_TERMS + 1)))
        out: _Terms = {}
        known: set[frozenset[str]] = set()
        for one, other in product(left, right):
            term = _joined([*one, *other])
            key = frozenset(term)
            if key not in known:
                known.add(key)
                out[term] = None
        return out

    def power(self) -> _Terms:
        """Return the terms of ``(a + b)**2``."""
        base = self.primary()
        if not (self.kind == "op" and self.token == "**"):
            return base
        self.advance()
        whole = self.kind == "number" and self.token.isdecimal()
        if not whole or not 1 <= int(self.token[:6]) <= MOST_DEGREE:
            raise self.error(
                f"the power after ** must be a whole number from 1 to {MOST_DEGREE}"
            )
        degree = int(self.token)
        if degree > 1 and len(base) == 1:
            (term,) = base
            raise self.error(
                f"a power of one term is that term; for numbers write I({':'.join(term)}"
                f"**{degree}) or poly()"
            )
        self.advance()
        out = base
        for _ in range(min(degree, len(base)) - 1):
            out = self._crossed(out, base)
            self._bound(out)
        return out

    def primary(self) -> _Terms:
        if self.kind == "op" and self.token == "(":
            self.advance()
            inner = self.sum()
            if not (self.kind == "op" and self.token == ")"):
                if self.kind == "end":
                    raise self.error("a bracket is not closed")
                raise self._after()
            self.advance()
            return inner
        if self.kind == "quoted":
            name = self.token[1:-1].replace("``", "`")
            if not name:
                raise self.error("there is nothing between the backticks")
            self.advance()
            return self._column(name)
        if self.kind == "name":
            following = self.text[self.position :].lstrip()
            if following.startswith("("):
                return self._call()
            return self._bare_name()
        if self.kind == "number":
            if self.token == "1":
                self.advance()
                return {(): None}
            raise self._number()
        if self.kind == "end":
            raise self.error("a term is missing at its end")
        raise self.error(f"a term is missing before {self.token!r}")

    def _bare_name(self) -> _Terms:
        name = self.token
        if "." in name:
            known = name in self.columns
            raise self.error(
                f"a name with a dot goes in backticks: `{name}`"
                if known or not name.startswith("np.")
                else f"{name} is neither a column nor a function of one"
            )
        if name == "in":
            raise self.error("in is not allowed in a formula; write a:b or a/b")
        self.advance()
        return self._column(name)

    def _column(self, name: str) -> _Terms:
        self.seen.setdefault(name)
        self.factors[name] = Factor(text=name, variables=(name,), kind="column")
        return {(name,): None}

    def _call(self) -> _Terms:
        """Return the term of a call such as ``np.log(x)``, read up to its bracket."""
        start = self.start
        if self.token in ELSEWHERE:
            opened = self.text.index("(", self.position)
            inner = self.text[opened + 1 : self._closing(opened) - 1].split(",")[0]
            raise self.source.elsewhere(self.token, inner.strip())
        end = self._closing(self.text.index("(", self.position))
        source = self.text[start:end]
        names: dict[str, str] = {}
        code = self._without_backticks(source, names)
        try:
            # the tree of an expression; nothing is run
            node = ast.parse(code, mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            raise self._unparsable(source) from None
        checker = Checker(self.source, names)
        kind = checker.factor(node)
        text = unparsed(node, names)
        columns = tuple(checker.columns)
        for name in columns:
            self.seen.setdefault(name)
        self.factors[text] = Factor(
            text=text,
            variables=columns,
            kind=kind,
            node=node,
            names={key: names.get(key, key) for key in checker.keys},
        )
        self.position = end
        self.advance()
        return {(text,): None}

    def _closing(self, opened: int) -> int:
        """Return the place after the bracket that closes one."""
        depth = 0
        for match in _INSIDE.finditer(self.text, opened):
            sign = match.group()
            depth += {"(": 1, ")": -1}.get(sign, 0)
            if depth > _MOST_DEPTH:
                raise self.error("it is nested too deeply")
            if depth == 0:
                return match.end()
        raise self.error("a bracket is not closed")

    def _without_backticks(self, source: str, names: dict[str, str]) -> str:
        """Return the text of a call with a plain name for each name in backticks."""
        parts = []
        for match in _INSIDE.finditer(source):
            sign = match.group()
            if len(sign) > 1 and sign.startswith("`"):
                key = f"{MARK}{len(names)}"
                names[key] = sign[1:-1].replace("``", "`")
                sign = f" {key} "
            elif sign in "{}|^":
                if sign == "^":
                    raise self.error(
                        f"a power is written **, such as {source.replace('^', '**')}"
                    )
                raise self._misplaced(sign)
            elif sign == "`":
                raise self.error("a backtick is not closed")
            parts.append(sign)
        return "".join(parts)

    def _unparsable(self, source: str) -> ModelError:
        known = [c for c in self.columns if not c.isidentifier() and c in source]
        hint = f": `{max(known, key=len)}`" if known else ""
        return self.error(
            f"{shortened(source, 60)} is not a valid expression. A column whose name "
            "is more "
            f"than letters, digits and _ goes in backticks{hint}"
        )


def _joined(factors: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(factors))
