"""A formula and a frame to a design matrix; what would mislead a model is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._format import counted
from waistats._frames import as_frame
from waistats._frozen import Frozen
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import DataError, ModelError, check_option, listing, near
from waistats.meta._encoding import Encoding, check_finite, encode, places
from waistats.meta._formula import Formula, in_formula, parse_formula


def check_variables(data: pd.DataFrame, variables: tuple[str, ...], where: str) -> None:
    """Raise a DataError for absent columns and for missing values in them."""
    absent = [v for v in variables if v not in data.columns]
    if absent:
        words = [f"{v}{near(v, map(str, data.columns))}" for v in absent]
        raise DataError(f"Moderators are not columns of {where}: {listing(words)}.")
    problems = [
        f"{name} in {places(data, np.flatnonzero(blank))}"
        for name, blank in blanks(data, variables).items()
    ]
    if problems:
        raise DataError(
            f"Moderators have missing values: {'; '.join(problems)}. Fill them, or "
            f"leave these rows out with {option('missing_moderators', 'drop')}."
        )


def blanks(data: pd.DataFrame, variables: tuple[str, ...]) -> dict[str, BoolArray]:
    """Return, for each variable that has any, the rows without a value."""
    found = {}
    for name in variables:
        values = data[name]
        blank = values.isna().to_numpy()
        if pd.api.types.is_numeric_dtype(values):
            numbers = values.to_numpy(dtype=float, na_value=np.nan)
            blank = blank | ~np.isfinite(numbers)
        elif values.dtype == object or pd.api.types.is_string_dtype(values):
            blank = blank | (values.astype(str).str.strip() == "").to_numpy()
        if blank.any():
            found[name] = blank
    return found


def with_complete_moderators(
    effects: pd.DataFrame, formula: str | None, missing: str
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return effects without those whose moderators are blank, and a note of which.

    ``missing="drop"`` empties their ``yi, vi`` and says why in ``reason``, so that
    models list them; ``"error"`` leaves the refusal to `build_design`.
    """
    missing = check_option("missing_moderators", missing, ("error", "drop"))
    if formula is None or missing == "error" or "yi" not in effects:
        return effects, ()
    variables = parse_formula(formula, map(str, effects.columns)).variables
    there = tuple(name for name in variables if name in effects.columns)
    used = effects["yi"].notna().to_numpy()
    why = np.full(len(effects), "", dtype=object)
    for name, blank in blanks(effects, there).items():
        mark = blank & used
        why[mark] = [f"{w}, {name}" if w else name for w in why[mark]]
    left = why != ""
    if not left.any():
        return effects, ()
    out = effects.copy()
    out.loc[left, ["yi", "vi"]] = np.nan
    old = out["reason"] if "reason" in out else pd.Series("", index=out.index)
    reasons = old.astype(object).where(old.notna(), "").to_numpy(dtype=object).copy()
    reasons[left] = [f"no value of {names}" for names in why[left]]
    out["reason"] = reasons
    k, total = int(left.sum()), int(used.sum())
    note = (
        f"{k} of {counted(total, 'coefficient')} {'has' if k == 1 else 'have'} no "
        f"value of a moderator of {formula} and {'is' if k == 1 else 'are'} excluded: "
        f"{listing(_labels(effects, np.flatnonzero(left), why))}; k = {total - k}."
    )
    return out, (note,)


def _labels(data: pd.DataFrame, rows: Any, why: np.ndarray) -> list[str]:
    names = data["study_id"] if "study_id" in data else range(1, len(data) + 1)
    return [f"{list(names)[i]} (no {why[i]})" for i in rows]


def check_numbers(data: pd.DataFrame, formula: Formula) -> None:
    """Raise a DataError for columns of numbers in which a few cells are texts."""
    problems = []
    for name, factor in formula.factors.items():
        if factor.kind == "basis" and factor.text.startswith("C("):
            continue
        for column in factor.variables:
            odd = odd_cells(data[column]) if column not in _NAMES else []
            if odd:
                cells = listing(
                    f"{str(data[column].iloc[i])!r} ({places(data, [i])})" for i in odd
                )
                shown = in_formula(column)
                problems.append(
                    f"{name} is a column of numbers, but is {cells}. Correct these "
                    f"cells, or write C({shown}) if the column holds categories."
                )
    if problems:
        raise DataError(" ".join(dict.fromkeys(problems)))


# columns of names, whose digits count nothing
_NAMES = frozenset({"study_id", "sample_id", "coefficient_id"})


def odd_cells(column: pd.Series) -> list[int]:
    """Return where there are texts in a column of mostly numbers."""
    if pd.api.types.is_numeric_dtype(column) or isinstance(
        column.dtype, pd.CategoricalDtype
    ):
        return []
    there = column.notna().to_numpy()
    numbers = pd.to_numeric(column.astype(object), errors="coerce").notna().to_numpy()
    if 2 * numbers.sum() <= there.sum():
        return []
    return np.flatnonzero(there & ~numbers).tolist()


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
                f"{name} has levels that are not in the fitted data: {listing(unseen)}. "
                f"Known levels: {listing(sorted(levels))}."
            )


def check_rank(X: FloatArray, names: tuple[str, ...]) -> None:
    """Raise a ModelError that names the columns that repeat others."""
    k, p = X.shape
    if k < p:
        raise ModelError(
            f"The model has {counted(p, 'coefficient')} but only "
            f"{counted(k, 'usable row')}. Use fewer moderators."
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design(Frozen):
    """A design matrix and what is needed to rebuild it for new data.

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
    spec : Encoding or None
        How the columns are made; None for the intercept alone.
    """

    X: FloatArray
    names: tuple[str, ...]
    term_columns: dict[str, tuple[int, ...]]
    formula: str
    variables: tuple[str, ...] = ()
    data: pd.DataFrame | None = None
    spec: Encoding | None = field(default=None, repr=False)

    def of_rows(self, rows: IntArray | BoolArray) -> "Design":
        """Return the design of some rows, by their places or by a mask."""
        data = self.data
        if data is not None:
            data = data.iloc[rows].reset_index(drop=True)
        return replace(self, X=self.X[rows], data=data)

    @property
    def has_intercept(self) -> bool:
        """Whether the first column is the intercept."""
        return bool(self.names) and self.names[0] == "Intercept"

    @property
    def has_moderators(self) -> bool:
        """Whether there is more than an intercept."""
        return self.names != ("Intercept",)

    @property
    def moderator_columns(self) -> tuple[int, ...]:
        """Columns other than the intercept; all columns where there is no other."""
        first = 1 if self.has_intercept and len(self.names) > 1 else 0
        return tuple(range(first, len(self.names)))

    def rows(
        self, new: pd.DataFrame | Mapping[str, Any], also: tuple[str, ...] = ()
    ) -> FloatArray:
        """Return design rows for new data, of shape (rows, p).

        A mapping may name the variables, and those of another part of the model; a
        frame may bring more columns.
        """
        if isinstance(new, Mapping):
            known = dict.fromkeys((*self.variables, *also))
            wrong = [
                f"{name}{near(str(name), known)}" for name in new if name not in known
            ]
            if wrong:
                told = listing(known) or "none"
                raise DataError(
                    f"New data name {listing(wrong)}, which the model does not use. Its "
                    f"moderators are: {told}."
                )
        if self.spec is None:
            return np.ones((len(_frame(new)), 1))
        frame = _frame(new)
        check_variables(frame, self.variables, "new data")
        check_levels(frame, self.data, self.variables)
        X = self.spec.matrix(frame)
        check_finite(X, self.formula, frame)
        return X

    def asked_rows(self, new: pd.DataFrame | Mapping[str, Any] | None) -> FloatArray:
        """Return design rows of ``new``; for None those of the fit, or the mean's."""
        if new is not None:
            return self.rows(new)
        return self.X if self.has_moderators else np.ones((1, 1))


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
    if formula is None:
        return intercept_only(len(data))
    parsed = parse_formula(formula, map(str, data.columns))
    variables = parsed.variables
    if outcome := [name for name in variables if name in ("estimate", "yi")]:
        raise ModelError(
            f"{outcome[0]} is what the model explains; it cannot be a moderator."
        )
    check_variables(data, variables, "the table")
    check_numbers(data, parsed)
    used = data[list(variables)].copy()
    for name in variables:
        if used[name].dtype == object:
            used[name] = used[name].astype(str)
        elif isinstance(used[name].dtype, pd.CategoricalDtype):
            used[name] = used[name].cat.remove_unused_categories()
    check_varies(used)
    X, encoding = encode(parsed, used)
    check_finite(X, parsed.text, used)
    if X.shape[1] == 0:
        raise ModelError(f"moderators {formula!r}: the formula has no terms.")
    check_rank(X, encoding.names)
    return Design(
        X=X,
        names=encoding.names,
        term_columns=encoding.term_columns,
        formula=parsed.text,
        variables=variables,
        data=used,
        spec=encoding,
    )


def _frame(new: pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    """Return new data as a frame; a mapping of single values is one row."""
    new = as_frame(new)
    if isinstance(new, pd.DataFrame):
        return new
    if isinstance(new, Mapping):
        single = all(np.ndim(v) == 0 for v in new.values())
        return pd.DataFrame(dict(new), index=[0] if single else None)
    raise ModelError(
        f"new must be a DataFrame or a mapping of column to values; got {type(new)}."
    )


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
                f"{term!r} is not a term of the model{near(term, options)}. Terms: "
                f"{listing(design.term_columns)}."
            )
        columns += [c for c in match if c not in columns]
    return tuple(columns)
