"""Words as APA 7 sets them: italic statistics, Greek letters, true minus signs."""

import html
import re
from collections.abc import Iterable
from typing import NamedTuple


class Run(NamedTuple):
    """A piece of text in one style: ``""``, ``"italic"`` or ``"sub"``."""

    text: str
    style: str = ""


Runs = tuple[Run, ...]

_MARK = re.compile(r"\*([^*]+)\*|_\{([^}]*)\}")
_SIGNS = (
    (re.compile(r"\btau2\b"), "τ²"),
    (re.compile(r"\btau\b"), "τ"),
    (re.compile(r"\bsigma2\b"), "σ²"),
    (re.compile(r"\b([IHRr])2\b"), r"\1²"),
    (re.compile(r"(?<![\w.,/:-])-(?=\.?\d)"), "−"),
    (re.compile(r"(?<=\d) - (?=\d+ = )"), " − "),
    (re.compile(r"(?<=\w)'(?=[a-z])"), "’"),
    (re.compile(r"\bKnapp-Hartung\b"), "Knapp–Hartung"),
)
# a symbol counts as a statistic where a number or its degrees of freedom follow, or
# between stars
_STATISTIC = re.compile(
    r"(?<![\w’'/-])(?:"
    r"(?P<square>[IHRr])(?=²)"
    r"|(?P<value>p)(?= (?:values?|adjusted)\b)"
    r"|\*(?P<star>[A-Za-z]{1,3})\*"
    r"|(?P<chance>P)(?=\()|(?P<test>[Ft])(?= tests?\b)"
    r"|[A-Za-z]_\{(?P<below>[A-Za-z\d]+)\}"
    r"|(?P<symbol>SD|SE|Mdn|df|SEM|[kKnNpQFtzrbMBd])(?=(?:\(\d[^)]*\))?\s(?:[=<>≤≥]\s))"
    r")"
)


def markup(text: str) -> Runs:
    """Return the runs of a head: ``*x*`` is italic, ``_{1}`` stands below the line.

    >>> [tuple(run) for run in markup("*I*² (%)")]
    [('I', 'italic'), ('² (%)', '')]
    """
    runs, at = [], 0
    for found in _MARK.finditer(text):
        runs.append(Run(text[at : found.start()]))
        italic = found[1] is not None
        runs.append(Run(found[1] or found[2], "italic" if italic else "sub"))
        at = found.end()
    return tuple(run for run in [*runs, Run(text[at:])] if run.text)


def signs(text: str) -> str:
    """Return a text with τ², R² and true minus signs.

    >>> signs("tau2 = -0.05, I2 = 60.8%, doi 10.1000/0013-1644")
    'τ² = −0.05, I² = 60.8%, doi 10.1000/0013-1644'
    """
    for pattern, sign in _SIGNS:
        text = pattern.sub(sign, text)
    return text


def sentence(text: str) -> Runs:
    """Return the runs of a sentence, its statistics in italics.

    >>> [run.text for run in sentence("Q(8) = 33.40, p < .001") if run.style]
    ['Q', 'p']
    """
    return styled(signs(text))


def styled(text: str) -> Runs:
    """Return the runs of a text as it is, its statistics in italics.

    >>> [run.text for run in styled("I² (%)") if run.style]
    ['I']
    """
    runs, at = [], 0
    for found in _STATISTIC.finditer(text):
        below = found["below"]
        letter = found["star"] or found[0]
        if below is not None:
            letter = letter.removesuffix(f"_{{{below}}}")
        runs += [Run(text[at : found.start()]), Run(letter, "italic")]
        if below is not None:
            runs.append(Run(below, "sub"))
        at = found.end()
    return tuple(run for run in [*runs, Run(text[at:])] if run.text)


_JOINED = (
    (re.compile(r"(?<=\S) ([=<>≤≥]) (?=[−.\d])"), "\u00a0\\1\u00a0"),
    # a sign that follows a symbol of another style
    (
        re.compile(r"^((?:\([^)]*\)|[²τσα])*) ([=<>≤≥]) (?=[−.\d])"),
        "\\1\u00a0\\2\u00a0",
    ),
    (re.compile(r"(?<=%) (CIs?|PIs?) (?=\[)"), "\u00a0\\1\u00a0"),
)


def unbroken(text: str) -> str:
    r"""Return a text whose statistics stay on one line.

    >>> unbroken("tau = 0.2, 95% CI [.8, .9]").replace("\u00a0", "~")
    'tau~=~0.2, 95%~CI~[.8, .9]'
    """
    for pattern, sign in _JOINED:
        text = pattern.sub(sign, text)
    return text


def plain(runs: Iterable[Run]) -> str:
    """Return runs without their styles."""
    return "".join(run.text for run in runs)


_TAGS = {"italic": "i", "sub": "sub"}


def to_html(runs: Iterable[Run]) -> str:
    """Return runs as HTML, every sign escaped."""
    parts = []
    for run in runs:
        safe, tag = html.escape(run.text), _TAGS.get(run.style)
        parts.append(f"<{tag}>{safe}</{tag}>" if tag else safe)
    return "".join(parts)


_LATEX = {"α": r"$\alpha$", "τ": r"$\tau$", "σ": r"$\sigma$", "ω": r"$\omega$"} | {
    "λ": r"$\lambda$", "χ": r"$\chi$", "η": r"$\eta$", "κ": r"$\kappa$",
    "²": r"$^2$", "−": "$-$", "×": r"$\times$", "≥": r"$\geq$", "≤": r"$\leq$",
    "∞": r"$\infty$", "–": "--", "’": "'", "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$",
    # a bracket at the start of a row would be read as the option of the row break
    "[": "{[}", "]": "{]}",
} | {sign: f"\\{sign}" for sign in "&%$#_{}"} | {
    above: rf"\textsuperscript{{{letter}}}"
    for above, letter in zip("ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐ", "abcdefghijklm", strict=True)
}  # fmt: skip


def to_latex(runs: Iterable[Run]) -> str:
    """Return runs as LaTeX; Greek letters become mathematics."""
    forms = {"italic": r"\textit{%s}", "sub": r"\textsubscript{%s}", "": "%s"}
    parts = []
    for run in runs:
        escaped = "".join(_LATEX.get(sign, sign) for sign in run.text)
        parts.append(forms[run.style].replace("%s", escaped))
    return "".join(parts)
