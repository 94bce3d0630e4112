"""A formula and a frame to a design matrix.

A formula: its text, its terms, and the columns that it names.

Moderators that would mislead a model are refused by name.
"""

import ast
import builtins
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from waistats._typing import FloatArray
from waistats.errors import DataError, ModelError, listing, near

# what a call of Python itself would do to the session: end it, wait, read or write
_REFUSED = frozenset(vars(builtins)) - {
    "abs", "bool", "float", "int", "len", "max", "min", "pow", "round", "str", "sum",
}  # fmt: skip


def check_formula(formula: str) -> str:
    """Return a formula's text with its tilde; refuse what is not a plain formula."""
    if not isinstance(formula, str) or not formula.strip():
        raise ModelError(
            "moderators must be a formula such as '~ modality + np.log(n_items)'; got "
            f"{formula!r}."
        )
    if "{" in formula or "}" in formula or "__" in formula:
        raise ModelError(
            f"moderators {formula!r}: code in braces and double underscores are "
            "refused. Compute the variable first and name its column."
        )
    text = formula.strip()
    if "~" in text and text.split("~", 1)[0].strip():
        raise ModelError(
            f"moderators {formula!r}: the left side of ~ must be empty; the "
            "effects are always the response."
        )
    return text if text.startswith("~") else f"~ {text}"


def parse_formula(text: str) -> tuple[Any, tuple[str, ...]]:
    """Return formulaic's formula and the columns it needs, in order of appearance.

    formulaic's own list leaves out columns that share a name with one of its
    functions, such as ``scale``.
    """
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    if "|" in re.sub(r"`[^`]*`", "", text):
        raise ModelError(f"moderators {text!r}: | would make two models; use + or *.")
    try:
        parsed = Formula(text)
        factors = [factor.expr for term in parsed for factor in term.factors]
        found = [name for expression in factors for name in _variables(expression)]
    except (FormulaicError, SyntaxError, ValueError, TypeError) as error:
        first = str(error).strip().split("\n")[0]
        raise ModelError(f"moderators {text!r} cannot be read: {first}") from error
    return parsed, tuple(sorted(set(found), key=lambda name: (text.find(name), name)))


def _variables(expression: str) -> list[str]:
    """Return the columns that one factor of a formula names."""
    quoted = re.findall(r"`([^`]+)`", expression)
    bare = re.sub(r"`[^`]+`", "0", expression)
    if not bare.isidentifier():
        try:
            tree = ast.parse(bare, mode="eval")
        except SyntaxError:
            # a column whose name is no expression
            return quoted or [expression]
    else:
        return [bare]
    functions = {n.func for n in ast.walk(tree) if isinstance(n, ast.Call)}
    called = {node.id for node in functions if isinstance(node, ast.Name)}
    if refused := sorted(called & _REFUSED):
        raise ModelError(
            f"{listing(refused)}() has no place in a formula. Compute the variable "
            "first and name its column."
        )
    modules = {n.value for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    names = [
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node not in functions | modules
    ]
    return quoted + names


def check_variables(data: pd.DataFrame, variables: tuple[str, ...], where: str) -> None:
    """Raise a DataError for absent columns and for missing values in them."""
    absent = [v for v in variables if v not in data.columns]
    if absent:
        words = [f"{v}{near(v, map(str, data.columns))}" for v in absent]
        raise DataError(f"Moderators are not columns of {where}: {listing(words)}.")
    problems = []
    for name in variables:
        values = data[name]
        blank = values.isna().to_numpy()
        if pd.api.types.is_numeric_dtype(values):
            numbers = values.to_numpy(dtype=float, na_value=np.nan)
            blank = blank | ~np.isfinite(numbers)
        if blank.any():
            problems.append(f"{name} in {_places(data, np.flatnonzero(blank))}")
    if problems:
        raise DataError(
            f"Moderators have missing values: {'; '.join(problems)}. Fill them, or "
            "leave these rows out and say so."
        )


def check_varies(used: pd.DataFrame) -> None:
    """Raise a ModelError that names categories with one level."""
    single = [
        f"{name} ({used[name].iloc[0]})"
        for name in used.columns
        if not pd.api.types.is_numeric_dtype(used[name]) and len(set(used[name])) == 1
    ]
    if single:
        raise ModelError(
            f"Moderators are constant in these rows: {listing(single)}. A moderator "
            "needs two levels."
        )


def check_levels(
    data: pd.DataFrame, fitted: pd.DataFrame | None, variables: tuple[str, ...]
) -> None:
    """Raise a DataError for levels that the model has not seen."""
    if fitted is None:
        return
    for name in variables:
        known = fitted[name]
        if pd.api.types.is_numeric_dtype(known) and not isinstance(
            known.dtype, pd.CategoricalDtype
        ):
            if not pd.api.types.is_numeric_dtype(data[name]):
                raise DataError(f"{name} must be numeric, as in the fitted table.")
            continue
        levels = {str(v) for v in known.unique()}
        unseen = sorted({str(v) for v in data[name]} - levels)
        if unseen:
            raise DataError(
                f"{name} has levels that the model has not seen: {listing(unseen)}. "
                f"Known levels: {listing(sorted(levels))}."
            )


def check_finite(X: FloatArray, text: str, data: pd.DataFrame) -> None:
    """Raise a DataError that names the rows where a moderator is not finite."""
    bad = np.flatnonzero(~np.isfinite(X).all(axis=1))
    if len(bad):
        raise DataError(
            f"moderators {text!r} are not finite in {_places(data, bad)}, such as a "
            "logarithm of zero."
        )


def check_rank(X: FloatArray, names: tuple[str, ...]) -> None:
    """Raise a ModelError that names the columns that repeat others."""
    k, p = X.shape
    if k < p:
        raise ModelError(
            f"The model has {p} coefficients but only {k} usable rows. Use fewer "
            "moderators."
        )
    size = np.linalg.norm(X, axis=0)
    size[size == 0] = 1
    redundant = []
    basis = np.empty((k, 0))
    for j in range(p):
        column = X[:, j] / size[j]
        for _ in range(2):
            column = column - basis @ (basis.T @ column)
        rest = np.linalg.norm(column)
        if rest < 1e-9:
            redundant.append(names[j])
        else:
            basis = np.column_stack([basis, column / rest])
    if redundant:
        constant = [
            n
            for n in redundant
            if np.ptp(X[:, names.index(n)]) == 0 and n != "Intercept"
        ]
        why = (
            "constant in these rows"
            if len(constant) == len(redundant)
            else "linear combinations of the other columns"
        )
        raise ModelError(
            f"These columns of the model are {why}: {listing(redundant)}. Leave them "
            "out or merge levels."
        )


def _places(data: pd.DataFrame, rows: Any) -> str:
    if "study_id" in data:
        return listing(f"study_id {data['study_id'].iloc[i]}" for i in rows)
    return "rows " + listing(i + 1 for i in rows)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """A design matrix and what is needed to make it again for new data.

    Attributes
    ----------
    X : ndarray, shape (k, p)
        The design, full column rank.
    names : tuple of str
        Column names, as formulaic writes them; ``Intercept`` first where there is one.
    term_columns : dict of str to tuple of int
        Columns of each term of the formula.
    formula : str
        The formula; ``"~ 1"`` for none.
    variables : tuple of str
        Columns of the frame that the formula uses.
    data : DataFrame or None
        Those columns of the rows that were fitted.
    spec : object
        formulaic's specification; None for the intercept alone.
    """

    X: FloatArray
    names: tuple[str, ...]
    term_columns: dict[str, tuple[int, ...]]
    formula: str
    variables: tuple[str, ...] = ()
    data: pd.DataFrame | None = None
    spec: Any = field(default=None, repr=False)

    @property
    def has_intercept(self) -> bool:
        """Whether the first column is the intercept."""
        return bool(self.names) and self.names[0] == "Intercept"

    @property
    def moderator_columns(self) -> tuple[int, ...]:
        """Columns other than the intercept; all columns where there is no other."""
        first = 1 if self.has_intercept and len(self.names) > 1 else 0
        return tuple(range(first, len(self.names)))

    def rows(self, new: pd.DataFrame | Mapping[str, Any]) -> FloatArray:
        """Return design rows for new data, of shape (rows, p)."""
        if self.spec is None:
            return np.ones((len(_frame(new)), 1))
        frame = _frame(new)
        check_variables(frame, self.variables, "new data")
        check_levels(frame, self.data, self.variables)
        return _matrix(self.spec, frame)


def intercept_only(k: int) -> Design:
    """Return the design of a model without moderators."""
    return Design(
        X=np.ones((k, 1)),
        names=("Intercept",),
        term_columns={"Intercept": (0,)},
        formula="~ 1",
    )


def build_design(formula: str | None, data: pd.DataFrame) -> Design:
    """Return the design of a formula for the rows of a frame.

    Raises
    ------
    ModelError
        For a formula that cannot be read, code in braces, or columns that are linear
        combinations of others (named).
    DataError
        For variables that are missing as columns or have missing values (rows named).
    """
    k = len(data)
    if formula is None:
        return intercept_only(k)
    text = check_formula(formula)
    parsed, variables = parse_formula(text)
    if outcome := [name for name in variables if name in ("estimate", "yi")]:
        raise ModelError(
            f"{outcome[0]} is what the model explains; it cannot be a moderator."
        )
    check_variables(data, variables, "the table")
    used = data[list(variables)].copy()
    for name in variables:
        if used[name].dtype == object:
            used[name] = used[name].astype(str)
        elif isinstance(used[name].dtype, pd.CategoricalDtype):
            used[name] = used[name].cat.remove_unused_categories()
    check_varies(used)
    X, spec = _first_matrix(parsed, used, text)
    names = tuple(str(name) for name in spec.column_names)
    columns = {
        "Intercept" if str(term) == "1" else str(term): tuple(int(i) for i in index)
        for term, index in spec.term_indices.items()
    }
    if X.shape[1] == 0:
        raise ModelError(f"moderators {formula!r}: the formula has no terms.")
    check_rank(X, names)
    return Design(
        X=X,
        names=names,
        term_columns=columns,
        formula=text,
        variables=variables,
        data=used,
        spec=spec,
    )


def _frame(new: pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    """Return new data as a frame; a mapping of single values is one row."""
    if isinstance(new, pd.DataFrame):
        return new
    if isinstance(new, Mapping):
        single = all(np.ndim(v) == 0 for v in new.values())
        return pd.DataFrame(dict(new), index=[0] if single else None)
    raise ModelError(
        f"new must be a DataFrame or a mapping of column to values; got {type(new)}."
    )


def _first_matrix(parsed: Any, data: pd.DataFrame, text: str) -> tuple[FloatArray, Any]:
    """Return the design and formulaic's specification."""
    from formulaic.errors import FormulaicError

    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            matrix = parsed.get_model_matrix(
                data, na_action="raise", context={"np": np}
            )
    except (FormulaicError, ValueError, TypeError, NameError, SyntaxError) as error:
        first = str(error).strip().split("\n")[0]
        raise ModelError(f"moderators {text!r} cannot be computed: {first}") from error
    X = np.asarray(matrix, dtype=float)
    check_finite(X, text, data)
    return X, matrix.model_spec


def _matrix(spec: Any, data: pd.DataFrame) -> FloatArray:
    """Return the design of new rows."""
    from formulaic.errors import FormulaicError

    frame = data.copy()
    for name in frame.columns:
        if frame[name].dtype == object:
            frame[name] = frame[name].astype(str)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            matrix = spec.get_model_matrix(frame, na_action="raise", context={"np": np})
    except (FormulaicError, ValueError, TypeError) as error:
        first = str(error).strip().split("\n")[0]
        raise DataError(f"New data do not fit the formula: {first}") from error
    X = np.asarray(matrix, dtype=float)
    check_finite(X, str(spec.formula), frame)
    return X


def term_names(design: Design, terms: str | list[str] | None) -> tuple[int, ...]:
    """Return the columns of named terms (or coefficients); None for all moderators."""
    if terms is None:
        return design.moderator_columns
    wanted = [terms] if isinstance(terms, str) else list(terms)
    columns: list[int] = []
    known = {re.sub(r"\s", "", t): c for t, c in design.term_columns.items()}
    known |= {re.sub(r"\s", "", n): (i,) for i, n in enumerate(design.names)}
    for term in wanted:
        match = known.get(re.sub(r"\s", "", term))
        if match is None:
            options = [*design.term_columns, *design.names]
            raise ModelError(
                f"{term!r} is no term of the model{near(term, options)}. Terms: "
                f"{listing(design.term_columns)}."
            )
        columns += [c for c in match if c not in columns]
    return tuple(columns)
