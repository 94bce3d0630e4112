"""A checked formula and a frame -> columns of numbers, named as the formula says.

Arithmetic is evaluated here, node by node, on floats. Categories, splines and
polynomials, and which columns an interaction needs, are formulaic's, which sees only
columns that were computed here and options that are literals.
"""

import ast
import copy
import re
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import counted
from waistats.errors import DataError, ModelError, listing
from waistats.meta._calls import (
    ELEMENTWISE,
    STATEFUL,
    Factor,
    called,
    plain_name,
    shortened,
)
from waistats.meta._formula import Formula, in_formula

_Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Encoding:
    """How a frame becomes a design matrix, kept from the rows that were fitted.

    Attributes
    ----------
    formula : Formula
        The formula.
    names : tuple of str
        Names of the columns.
    term_columns : dict of str to tuple of int
        Columns of each term.
    """

    formula: Formula
    names: tuple[str, ...]
    term_columns: dict[str, tuple[int, ...]]
    prefix: str = field(repr=False)
    state: dict[str, tuple[float, float]] = field(repr=False)
    spec: Any = field(repr=False)

    def matrix(self, data: pd.DataFrame) -> _Array:
        """Return the design of new rows, of shape (rows, p)."""
        frame = _computed(self.formula, data, self.prefix, dict(self.state))
        _check_computed(self.formula, frame, data)
        _check_levels(self.formula, frame, self.prefix, fitted=False)
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                matrix = self.spec.get_model_matrix(frame, na_action="raise")
        except Exception as error:
            raise DataError(
                f"New data do not fit {shortened(self.formula.text)!r}: "
                f"{_why(self.formula, data)}"
            ) from error
        return np.asarray(matrix, dtype=float)


def encode(formula: Formula, data: pd.DataFrame) -> tuple[_Array, Encoding]:
    """Return the design of the rows of a frame, and how to make it for others.

    Raises
    ------
    DataError
        Where arithmetic meets texts: the cells are named. Where the levels of a
        category are not those of the rows.
    ModelError
        For more columns than rows, before they are built, for a category with one
        level, and for splines that the rows do not allow.
    """
    _refuse_too_many(formula, data)
    prefix = _free_prefix(data)
    state: dict[str, tuple[float, float]] = {}
    frame = _computed(formula, data, prefix, state)
    _check_computed(formula, frame, data)
    _check_levels(formula, frame, prefix, fitted=True)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            matrix = _terms(formula, prefix).get_model_matrix(frame, na_action="raise")
    except Exception as error:
        # whatever formulaic meets, its words are about columns that users do not know
        raise ModelError(
            f"moderators {shortened(formula.text)!r} cannot be computed: "
            f"{_why(formula, data)}"
        ) from error
    spec = matrix.model_spec
    shown = {f"{prefix}{i}_": f.text for i, f in enumerate(formula.factors.values())}
    inner = {
        f"{prefix}{i}_": _argument_text(f)
        for i, f in enumerate(formula.factors.values())
    }

    def named(text: str) -> str:
        whole = re.sub(
            rf"(?<![\w(]){prefix}\d+_(?!\w)", lambda m: shown[m.group()], text
        )
        return re.sub(rf"{prefix}\d+_", lambda m: inner[m.group()], whole)

    columns = {
        "Intercept" if str(term) == "1" else named(str(term)): tuple(map(int, index))
        for term, index in spec.term_indices.items()
    }
    encoding = Encoding(
        formula=formula,
        names=tuple(named(str(name)) for name in spec.column_names),
        term_columns=columns,
        prefix=prefix,
        state=state,
        spec=spec,
    )
    return np.asarray(matrix, dtype=float), encoding


def _terms(formula: Formula, prefix: str) -> Any:
    """Return formulaic's formula of terms over computed columns."""
    from formulaic import Formula as Terms
    from formulaic.parser.types import Factor as Part, Term

    parts = {}
    for i, (text, factor) in enumerate(formula.factors.items()):
        column = f"{prefix}{i}_"
        if factor.kind == "basis":
            parts[text] = Part(_call_of(factor, column), eval_method="python")
        else:
            parts[text] = Part(column, eval_method="lookup")
    terms = [Term([Part("1", eval_method="literal")])] if formula.intercept else []
    terms += [Term([parts[name] for name in term]) for term in formula.terms]
    return Terms(terms)


def _call_of(factor: Factor, column: str) -> str:
    """Return the call of a basis with its first argument computed."""
    assert isinstance(factor.node, ast.Call)
    node = copy.copy(factor.node)
    node.args = [ast.Name(id=column, ctx=ast.Load()), *node.args[1:]]
    return ast.unparse(node)


def _argument_text(factor: Factor) -> str:
    """Return the first argument of a basis as the formula spells it."""
    if factor.kind != "basis":
        return factor.text
    assert isinstance(factor.node, ast.Call)
    first = ast.unparse(factor.node.args[0])
    for key, name in factor.names.items():
        if key != name:
            first = in_formula(name).join(re.split(rf"\b{key}\b", first))
    return first


def _free_prefix(data: pd.DataFrame) -> str:
    """Return a beginning of names that no level of the data contains."""
    texts = [
        str(value)
        for name in data.columns
        if not pd.api.types.is_numeric_dtype(data[name])
        for value in data[name].unique()
    ]
    prefix = "_f"
    while any(prefix in text for text in texts):
        prefix += "f"
    return prefix


def check_finite(X: _Array, text: str, data: pd.DataFrame) -> None:
    """Raise a DataError that names the rows where a moderator is not finite."""
    bad = np.flatnonzero(~np.isfinite(X).all(axis=1))
    if len(bad):
        raise DataError(
            f"moderators {text!r} are not finite in {places(data, bad)}, such as a "
            "logarithm of zero or the root of a negative number."
        )


def places(data: pd.DataFrame, rows: Any) -> str:
    if "study_id" in data:
        return listing(f"study_id {data['study_id'].iloc[i]}" for i in rows)
    return "rows " + listing(i + 1 for i in rows)


def _computed(
    formula: Formula,
    data: pd.DataFrame,
    prefix: str,
    state: dict[str, tuple[float, float]],
) -> pd.DataFrame:
    """Return one column per factor: unchanged, or computed from the columns."""
    columns: dict[str, Any] = {}
    for i, factor in enumerate(formula.factors.values()):
        name = f"{prefix}{i}_"
        node = factor.node
        if node is not None and factor.kind == "basis":
            assert isinstance(node, ast.Call)
            node = node.args[0]
        if node is None:
            columns[name] = _as_it_stands(data[factor.variables[0]])
        elif isinstance(node, ast.Name) and called_is(factor, "C"):
            columns[name] = _as_it_stands(data[factor.names[node.id]])
        else:
            values = _Evaluator(factor, data, state).value(node)
            columns[name] = np.broadcast_to(values, len(data)).astype(float)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(data)))


def _check_computed(formula: Formula, frame: pd.DataFrame, data: pd.DataFrame) -> None:
    """Raise a DataError where arithmetic gave what is not finite."""
    numbers = frame.select_dtypes("number").to_numpy(dtype=float)
    check_finite(numbers, formula.text, data)


def _check_levels(
    formula: Formula, frame: pd.DataFrame, prefix: str, *, fitted: bool
) -> None:
    """Raise an error where the levels that C() names are not those of the rows.

    A value outside the levels would have no column, and count as the reference.
    """
    problems = []
    for i, factor in enumerate(formula.factors.values()):
        if not called_is(factor, "C"):
            continue
        assert isinstance(factor.node, ast.Call)
        options = {k.arg: k.value for k in factor.node.keywords}
        given = ast.literal_eval(options["levels"]) if "levels" in options else None
        there = frame[f"{prefix}{i}_"].drop_duplicates()
        if fitted and len(there) == 1:
            raise ModelError(
                f"Moderators are constant in these rows: {factor.text} "
                f"({there.iloc[0]}). A moderator needs two levels."
            )
        if given is None:
            continue
        levels = list(given) if isinstance(given, (list, tuple)) else [given]
        outside = there[~there.isin(levels)]
        if len(outside):
            problems.append(
                f"{factor.text}: levels= leaves out values of these rows: "
                f"{listing(outside)}. Name every level, or select the rows first."
            )
        absent = [level for level in levels if not there.isin([level]).any()]
        if fitted and absent and not len(outside):
            problems.append(
                f"{factor.text}: levels= names {listing(map(repr, absent))}, which does "
                "not occur in these rows. Leave it out."
            )
    if problems:
        raise DataError(" ".join(problems))


def called_is(factor: Factor, name: str) -> bool:
    """Return whether a factor is a call of one function."""
    return isinstance(factor.node, ast.Call) and called(factor.node) == name


def _as_it_stands(column: pd.Series) -> Any:
    if column.dtype == object:
        column = column.astype(str)
    return column.reset_index(drop=True)


class _Evaluator:
    """The value of a checked tree for the rows of a frame."""

    def __init__(
        self,
        factor: Factor,
        data: pd.DataFrame,
        state: dict[str, tuple[float, float]],
    ) -> None:
        self.factor, self.data, self.state = factor, data, state

    def value(self, node: ast.expr) -> _Array:
        with np.errstate(all="ignore"):
            return np.asarray(self._value(node), dtype=float)

    def _value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            assert isinstance(node.value, (int, float))
            return float(node.value)
        if isinstance(node, ast.Name):
            return numbers_of(self.data, self.factor.names[node.id], self.factor.text)
        if isinstance(node, ast.UnaryOp):
            inner = self.value(node.operand)
            return -inner if isinstance(node.op, ast.USub) else inner
        if isinstance(node, ast.BinOp):
            return _ARITHMETIC[type(node.op)](
                self.value(node.left), self.value(node.right)
            )
        if isinstance(node, ast.Compare):
            left, right = self.value(node.left), self.value(node.comparators[0])
            return _COMPARISON[type(node.ops[0])](left, right)
        assert isinstance(node, ast.Call)
        name = called(node)
        if name == "I":
            return self.value(node.args[0])
        if name in STATEFUL:
            return self._scaled(node, name)
        function = ELEMENTWISE[plain_name(name)]
        return function(*(self.value(argument) for argument in node.args))

    def _scaled(self, node: ast.Call, name: str) -> _Array:
        """Return values centred and scaled by the rows that were fitted."""
        values = np.broadcast_to(self.value(node.args[0]), len(self.data))
        key = ast.unparse(node)
        for code, column in self.factor.names.items():
            key = key.replace(code, column)
        if key not in self.state:
            options = dict(zip(STATEFUL[name], node.args[1:], strict=False))
            options |= {str(k.arg): k.value for k in node.keywords}
            given = {k: ast.literal_eval(v) for k, v in options.items()}
            center = given.get("center", True)
            spread = given.get("scale", given.get("rescale", name != "center"))
            ddof = given.get("ddof", 0 if name == "standardize" else 1)
            middle = float(values.mean()) if center is True else float(center)
            moved = values - middle
            unit = 1.0
            if spread is True:
                unit = float(np.sqrt(np.sum(moved**2) / (len(values) - ddof)))
            elif spread is not False:
                unit = float(spread)
            self.state[key] = (middle, unit)
        middle, unit = self.state[key]
        return (values - middle) / unit


_ARITHMETIC: dict[type[ast.operator], Any] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
_COMPARISON: dict[type[ast.cmpop], Any] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}


def numbers_of(data: pd.DataFrame, name: str, where: str) -> _Array:
    """Return a column as floats; texts are a DataError that names cells."""
    column = data[name]
    numeric = pd.api.types.is_numeric_dtype(column)
    if numeric and not isinstance(column.dtype, pd.CategoricalDtype):
        found: _Array = column.to_numpy(dtype=float, na_value=np.nan)
        return found
    values = pd.to_numeric(column.astype(object), errors="coerce")
    wrong = np.flatnonzero(values.isna().to_numpy())
    shown = listing((repr(str(column.iloc[i])) for i in wrong), 4) or "texts"
    raise DataError(
        f"{where} needs numbers, but {name} holds {shown}. Correct these cells, or use "
        f"{name} as categories without arithmetic."
    )


def width(factor: Factor, data: pd.DataFrame) -> int:
    """Return the fewest columns that a factor takes beside an intercept."""
    if factor.kind == "numbers":
        return 1
    if factor.kind == "column" or called_is(factor, "C"):
        column = data[factor.variables[0]] if factor.variables else None
        numeric = column is not None and (
            pd.api.types.is_numeric_dtype(column)
            and not isinstance(column.dtype, pd.CategoricalDtype)
        )
        if column is None or (numeric and factor.kind == "column"):
            return 1
        number: int = max(1, column.nunique() - 1)
        return number
    assert isinstance(factor.node, ast.Call)
    given: dict[str, Any] = {
        str(k.arg): ast.literal_eval(k.value) for k in factor.node.keywords
    }
    positional = "degree" if called(factor.node) == "poly" else "df"
    if len(factor.node.args) > 1:
        given.setdefault(positional, ast.literal_eval(factor.node.args[1]))
    return max(1, int(given.get(positional) or 1) - 1)


def _refuse_too_many(formula: Formula, data: pd.DataFrame) -> None:
    """Raise a ModelError where the columns would outnumber the rows."""
    widths = {text: width(f, data) for text, f in formula.factors.items()}
    fewest = int(formula.intercept)
    for term in formula.terms:
        size = 1
        for name in term:
            size = min(size * widths[name], 10**9)
        fewest += size
    if fewest > len(data):
        raise ModelError(
            f"The model has at least {counted(fewest, 'coefficient')} but only "
            f"{counted(len(data), 'usable row')}. Use fewer moderators, or fewer "
            "interactions "
            "of them."
        )


def _why(formula: Formula, data: pd.DataFrame) -> str:
    """Return in our words which factor cannot be computed, and what it needs."""
    for factor in formula.factors.values():
        if factor.kind != "basis":
            continue
        alone = Formula(
            text=f"~ {factor.text}",
            intercept=True,
            terms=((factor.text,),),
            factors={factor.text: factor},
            variables=factor.variables,
        )
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                frame = _computed(alone, data, "_f", {})
                _terms(alone, "_f").get_model_matrix(frame, na_action="raise")
        except Exception:
            return f"{factor.text} {_need(factor)}"
    for factor in formula.factors.values():
        if factor.kind == "basis":
            return f"{factor.text} {_NEW}"
    return "these rows do not give the columns that it needs."


_NEW = (
    "is defined between the least and the largest value of the rows that were fitted, "
    "or for their levels. Stay within them, or say extrapolation='extend' in a spline."
)


def _need(factor: Factor) -> str:
    assert isinstance(factor.node, ast.Call)
    name = called(factor.node)
    if name == "C":
        return (
            "names levels or a reference that these rows do not have, or contrasts "
            "that do not fit their number."
        )
    if name == "poly":
        return "needs more different values than its degree."
    needs = "df of at least degree (3 unless given)" if name == "bs" else "df >= 2"
    return (
        f"needs {needs}, knots inside the range of the values, and more different "
        "values than df."
    )
