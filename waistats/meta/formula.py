"""A formula: its text, its terms, and the columns that it names."""

import ast
import builtins
import re
from typing import Any

from waistats.errors import ModelError, listing

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
