"""Calls in a formula: which functions there are, and a tree checked against them."""

import ast
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches

import numpy as np

from waistats._format import counted
from waistats.errors import ModelError, listing, near

# Applied number by number: permuting the rows permutes the result.
ELEMENTWISE: dict[str, Callable[..., np.ndarray]] = {
    "abs": np.abs,
    "arccos": np.arccos,
    "arcsin": np.arcsin,
    "arcsinh": np.arcsinh,
    "arccosh": np.arccosh,
    "arctan": np.arctan,
    "arctanh": np.arctanh,
    "cbrt": np.cbrt,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "exp": np.exp,
    "exp10": lambda x: np.power(10.0, x),
    "exp2": np.exp2,
    "expm1": np.expm1,
    "floor": np.floor,
    "log": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "power": np.power,
    "reciprocal": np.reciprocal,
    "sign": np.sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "square": np.square,
    "tan": np.tan,
    "tanh": np.tanh,
    "trunc": np.trunc,
}
_TWO = frozenset({"maximum", "minimum", "power"})

# Centred and scaled by the rows that are fitted, also for new rows: keyword arguments.
STATEFUL: dict[str, tuple[str, ...]] = {
    "center": (),
    "scale": ("center", "scale", "ddof"),
    "standardize": ("center", "rescale", "ddof"),
}

# Several columns from one, made by formulaic: keyword arguments in their order.
_SPLINE = ("df", "knots", "lower_bound", "upper_bound", "constraints", "extrapolation")
BASES: dict[str, tuple[str, ...]] = {
    "bs": (
        "df", "knots", "degree", "include_intercept", "lower_bound", "upper_bound",
        "extrapolation",
    ),
    "cc": _SPLINE,
    "cr": _SPLINE,
    "cs": _SPLINE,
    "poly": ("degree", "raw"),
}  # fmt: skip
CONTRASTS: dict[str, tuple[str, ...]] = {
    "treatment": ("base", "drop"),
    "SAS": ("base", "drop"),
    "sum": (),
    "helmert": ("reverse", "scale"),
    "diff": ("backward",),
    "poly": ("scores",),
    "Treatment": ("reference",),
    "Sum": (),
    "Helmert": ("reverse", "scale"),
    "Diff": ("backward",),
    "Poly": ("scores",),
}
_PATSY = frozenset({"Treatment", "Sum", "Helmert", "Diff", "Poly"})

# bounds on what a short text may ask for
MOST_DEGREE = 10
MOST_DF = 100

# what other programs call it
ELSEWHERE = {
    "factor": "C({})",
    "as.factor": "C({})",
    "ordered": "C({}, contr.poly)",
    "relevel": "C({}, contr.treatment('its reference level'))",
    "ns": "cr({}, df=4)",
    "rcs": "cr({}, df=4)",
    "s": "bs({}, df=4)",
    "Q": "the name in backticks, `{}`",
    "ln": "np.log({})",
    "as.numeric": "{}",
    "mean": "center({0}), which is {0} less its mean,",
    "np.mean": "center({0}), which is {0} less its mean,",
}
_FUNCTIONS = (
    "I, C, bs, cr, cc, poly, center, scale, np.log, np.exp, np.sqrt and other "
    "elementwise functions of numpy"
)
ADVICE = "Compute the variable first and name its column."

# stands for a name in backticks while a call is parsed
MARK = "column__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The text of a formula and the columns there are, for the words of errors."""

    text: str
    columns: tuple[str, ...]

    def error(self, why: str) -> ModelError:
        """Return the error for what is outside the language."""
        return ModelError(f"moderators {shortened(self.text)!r} cannot be read: {why}.")

    def elsewhere(self, name: str, inner: str) -> ModelError:
        """Return the error for a function of other programs."""
        told = ELSEWHERE[name].format(inner.strip("'\"") or "x")
        return ModelError(
            f"moderators {shortened(self.text)!r}: write {told} instead of {name}()."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One factor of a term: a column, arithmetic of columns, or a basis of one.

    Attributes
    ----------
    text : str
        As coefficients are named: ``"np.log(n_items)"``.
    variables : tuple of str
        Columns of the table, in order of appearance.
    node : ast.expr or None
        The checked tree, names standing for columns; None for a column itself.
    names : dict of str to str
        Names of the tree to columns of the table.
    kind : str
        ``"column"``, ``"numbers"``, or ``"basis"`` for ``C()``, splines and ``poly()``.
    """

    text: str
    variables: tuple[str, ...]
    kind: str
    node: ast.expr | None = field(default=None, repr=False)
    names: dict[str, str] = field(default_factory=dict, repr=False)


def shortened(text: str, most: int = 200) -> str:
    """Return a text for a message, cut where it is long."""
    return text if len(text) <= most else text[: most - 1] + "…"


def unparsed(node: ast.expr, names: dict[str, str]) -> str:
    """Return a checked tree as text, as formulaic spaces it."""

    def quoted(match: re.Match[str]) -> str:
        name = names[match.group()]
        return f"`{name.replace('`', '``')}`"

    return re.sub(rf"{MARK}\d+", quoted, ast.unparse(node))


def called(node: ast.Call) -> str:
    """Return the dotted name of a called function; ``""`` where it is none."""
    parts: list[str] = []
    target: ast.expr = node.func
    while isinstance(target, ast.Attribute):
        parts.insert(0, target.attr)
        target = target.value
    if not isinstance(target, ast.Name):
        return ""
    return ".".join([target.id, *parts])


def plain_name(name: str) -> str:
    """Return a listed name without the prefix ``np.``."""
    bare = name.removeprefix("np.")
    return bare if bare in ELEMENTWISE else name


class Checker:
    """Whether the tree of a call is within the language, and which columns it names."""

    def __init__(self, source: Source, names: dict[str, str]) -> None:
        self.source = source
        self.names = names
        self.keys: dict[str, None] = {}
        self.columns: dict[str, None] = {}

    def factor(self, node: ast.expr) -> str:
        """Check a whole factor; return its kind."""
        if not isinstance(node, ast.Call):
            raise self.source.error(f"{ast.unparse(node)} is not allowed in a formula")
        name = called(node)
        if name == "C":
            self._category(node)
            return "basis"
        if name in BASES:
            self._basis(node, name)
            return "basis"
        self.number(node)
        return "numbers"

    def number(self, node: ast.expr) -> None:
        """Check arithmetic that is applied row by row."""
        if isinstance(node, ast.Name):
            self._column(node.id)
        elif isinstance(node, ast.Constant):
            value = node.value
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise self.source.error(
                    f"{value!r} is not a number; arithmetic needs numbers"
                )
            self._finite(value)
        elif isinstance(node, ast.UnaryOp) and isinstance(
            node.op, (ast.USub, ast.UAdd)
        ):
            self.number(node.operand)
        elif isinstance(node, ast.BinOp) and isinstance(
            node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
        ):
            self.number(node.left)
            self.number(node.right)
        elif isinstance(node, ast.Call):
            self._function(node)
        elif isinstance(node, ast.Compare):
            self._comparison(node)
        else:
            raise self._refused(node)

    def _finite(self, value: float) -> None:
        try:
            fine = bool(np.isfinite(float(value)))
        except OverflowError:
            fine = False
        if not fine:
            raise self.source.error("it contains a number that is too large")

    def _comparison(self, node: ast.Compare) -> None:
        allowed = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
        if len(node.ops) > 1 or not isinstance(node.ops[0], allowed):
            raise self._refused(node)
        self.number(node.left)
        self.number(node.comparators[0])

    def _refused(self, node: ast.expr) -> ModelError:
        if isinstance(node, ast.Attribute):
            dotted = ast.unparse(node)
            if dotted in self.source.columns or not dotted.startswith("np."):
                hint = f"a name with a dot goes in backticks: `{dotted}`"
                return self.source.error(hint)
        shown = shortened(unparsed(node, self.names), 60)
        if isinstance(node, (ast.Subscript, ast.Slice)):
            return self.source.error(
                f"{shown} is not allowed in a formula: values cannot be picked or "
                f"reordered. {ADVICE.rstrip('.')}"
            )
        return self.source.error(
            f"{shown} is not allowed in a formula: arithmetic is + - * / ** with named "
            f"functions. {ADVICE.rstrip('.')}"
        )

    def _column(self, key: str) -> None:
        name = self.names.get(key, key)
        if key not in self.names and name not in self.source.columns:
            # Python reads letters in their compatible form, such as fi for a ligature
            for column in self.source.columns:
                if unicodedata.normalize("NFKC", column) == name:
                    name = self.names[key] = column
        self.keys[key] = None
        self.columns[name] = None

    def _function(self, node: ast.Call) -> None:
        name = called(node)
        if name == "I":
            self._arguments(node, name, 1)
        elif name in STATEFUL:
            self._arguments(node, name, 1, STATEFUL[name])
        elif plain_name(name) in ELEMENTWISE:
            self._arguments(node, name, 2 if plain_name(name) in _TWO else 1)
        elif name in BASES or name == "C":
            raise self.source.error(
                f"{name}() makes several columns; use it alone or in an "
                "interaction, not inside arithmetic"
            )
        else:
            raise self._unknown(node, name)
        for argument in node.args[: 2 if plain_name(name) in _TWO else 1]:
            self.number(argument)

    def _unknown(self, node: ast.Call, name: str) -> ModelError:
        bare = name or ast.unparse(node.func)
        if bare in ELSEWHERE:
            inner = unparsed(node.args[0], self.names) if node.args else "x"
            return self.source.elsewhere(bare, inner)
        spelled = [
            c
            for c in self.source.columns
            if not c.isidentifier() and re.search(rf"(?<!\w){re.escape(bare)}\s*\(", c)
        ]
        if spelled and spelled[0] in self.source.text:
            return self.source.error(
                "a column whose name is more than letters, digits and _ goes in "
                f"backticks: `{spelled[0]}`"
            )
        listed = {n.lower(): n for n in ("I", "C", *BASES, *STATEFUL, *ELEMENTWISE)}
        match = get_close_matches(bare.split(".")[-1].lower(), listed, 1, 0.8)
        hint = f" (did you mean {listed[match[0]]}?)" if match else ""
        return ModelError(
            f"moderators {shortened(self.source.text)!r} cannot be computed: {bare}() "
            f"is not allowed in a formula{hint}. {ADVICE} Functions are {_FUNCTIONS}."
        )

    def _arguments(
        self, node: ast.Call, name: str, count: int, keywords: tuple[str, ...] = ()
    ) -> dict[str, object]:
        """Return the options of a call, which are literals, by keyword."""
        positional = node.args[count:]
        if len(node.args) < count or len(positional) > len(keywords):
            raise self.source.error(
                f"{name}() takes {counted(count, 'column', 'columns')}"
                + (f" and {listing(keywords)}" if keywords else "")
            )
        options: dict[str, object] = {}
        given = [
            *zip(keywords, positional, strict=False),
            *((k.arg, k.value) for k in node.keywords),
        ]
        for key, value in given:
            if key not in keywords or key in options:
                known = f"; it has {listing(keywords)}" if keywords else ""
                raise self.source.error(f"{name}() has no argument {key!r}{known}")
            options[str(key)] = self._literal(name, str(key), value)
        return options

    def _literal(self, name: str, key: str, node: ast.expr) -> object:
        try:
            value = ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            value = ...
        values = value if isinstance(value, (list, tuple)) else [value]
        if len(values) > 1000 or not all(
            v is None or isinstance(v, (bool, int, float, str)) for v in values
        ):
            raise self.source.error(
                f"{key} of {name}() must be a number, a text in quotation marks, True, "
                "False or a list of them"
            )
        for v in values:
            if isinstance(v, (int, float)):
                self._finite(v)
        return value

    def _basis(self, node: ast.Call, name: str) -> None:
        options = self._arguments(node, name, 1, BASES[name])
        self.number(node.args[0])
        bounds = {"df": MOST_DF, "degree": MOST_DEGREE}
        for key, most in bounds.items():
            value = options.get(key)
            if value is None:
                continue
            if type(value) is not int or not 1 <= value <= most:
                raise self.source.error(
                    f"{key} of {name}() must be a whole number from 1 to {most}; got "
                    f"{value!r}"
                )
        if name != "poly" and options.get("df") is None and "knots" not in options:
            raise self.source.error(
                f"{name}() needs df= or knots=, such as {name}(x, df=4)"
            )
        knots = options.get("knots")
        if knots is not None and (
            not isinstance(knots, (list, tuple))
            or len(knots) > MOST_DF
            or not all(type(knot) in (int, float) for knot in knots)
        ):
            raise self.source.error(
                f"knots of {name}() must be a list of at most {MOST_DF} numbers"
            )

    def _category(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            if keyword.arg not in ("contrasts", "levels", "spans_intercept"):
                raise self.source.error(
                    f"C() has no argument {keyword.arg!r}; it has contrasts, levels"
                )
        if not 1 <= len(node.args) <= 2:
            raise self.source.error(
                "C() takes a column and contrasts, such as C(x, contr.sum)"
            )
        self.number(node.args[0])
        options = {k.arg: k.value for k in node.keywords}
        contrasts = node.args[1] if len(node.args) == 2 else options.get("contrasts")
        if contrasts is not None:
            self._contrasts(contrasts)
        for key in ("levels", "spans_intercept"):
            if key in options:
                self._literal("C", key, options[key])

    def _contrasts(self, node: ast.expr) -> None:
        call = node if isinstance(node, ast.Call) else None
        name = called(call or ast.Call(func=node, args=[], keywords=[]))
        kind = name.removeprefix("contr.")
        known = kind in CONTRASTS and (name != kind) != (kind in _PATSY)
        if not known:
            listed = [f"contr.{c}" for c in CONTRASTS if c not in _PATSY]
            shown = shortened(ast.unparse(node), 40)
            raise self.source.error(
                f"{shown} are not contrasts{near(shown, listed)}; there are "
                f"{listing(listed)}"
            )
        if call is not None:
            self._arguments(call, name, 0, CONTRASTS[kind])
