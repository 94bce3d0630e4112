"""A formula and a frame to a design matrix."""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.errors import DataError, ModelError, listing, near
from waistats.meta.formula import check_formula, parse_formula
from waistats.meta.moderator_checks import (
    check_finite,
    check_levels,
    check_rank,
    check_variables,
    check_varies,
)


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
