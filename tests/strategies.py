"""What hypothesis draws: names, cells, tables, answers and files that mean harm."""

import numpy as np
import pandas as pd
from hypothesis import strategies as st

# each once broke a program of some kind: pages, spreadsheets, terminals, figures
NAMES = [
    "<script>alert(1)</script>",
    '" onload="alert(1)',
    "</title></style></svg><script>alert(1)</script>",
    "<!--",
    "]]>",
    "&lt;b&gt;",
    "{{ 7 * 7 }}{% raw %}",
    "%s {0} {x}",
    "=1+1",
    "@SUM(A1)",
    "+1",
    "-1",
    "\t=1",
    "\n=1",
    "a\nb",
    "a\r\nb",
    "a\x00b",
    "a\x1b[2Jb",
    "a\u202eb",
    "a\u2028b",
    "שלום עולם",
    "Müller & Söhne",
    "$\\frac{$",
    "$5 and $6",
    "_hidden",
    "a_b^c",
    "\\alpha",
    "'",
    "nan",
    "1.0",
    " ",
    "x" * 300,
]

names = st.one_of(
    st.sampled_from(NAMES),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
)

# cells of a column of numbers as people and spreadsheets fill them
WORDS = [
    "", " ", "NA", "n/a", "-", "–", ".", "#DIV/0!", "=A1", "1.234", "1,234", "1.234,5",
    "0,91", ".91", "−.5", "1e3", "1e400", "-1e400", "inf", "nan", "NaN", "0x10", "1_000",
    "٣", "¹", "12 (of 14)", ".80-.90", "> .9", "91%", "2020-05-01", "1/2", "TRUE", "x",
    "1\u00a0000", "9" * 400, "\u200b5",
]  # fmt: skip

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"]

cells = st.one_of(
    st.sampled_from(WORDS),
    st.integers(-5, 200).map(str),
    st.floats(-2, 2, allow_nan=False).map(repr),
    st.text(max_size=6),
)


@st.composite
def delimited(draw, header=("study_id", "estimate", "n", "n_items")):
    """Bytes of a CSV file: some right, some wrong in every way."""
    mark = draw(st.sampled_from([",", ";", "\t", "|"]))
    names = list(header)
    if draw(st.booleans()):
        names.append(draw(st.sampled_from(["rater", "reason", "n", "x;y", ""])))
    width = len(names)
    rows = draw(
        st.lists(
            st.lists(cells, min_size=max(1, width - 1), max_size=width + 1), max_size=6
        )
    )
    quote = draw(st.sampled_from(["", '"']))
    lines = [mark.join(names)]
    lines += [mark.join(f"{quote}{cell}{quote}" for cell in row) for row in rows]
    text = draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines)
    code = draw(st.sampled_from(ENCODINGS))
    return text.encode(code, errors="replace")


@st.composite
def true_rows(draw):
    """Coefficients as they are: study, alpha to three decimals, n, items."""
    k = draw(st.integers(1, 6))
    thousandths = st.integers(-999, 999)
    return [
        (
            draw(st.sampled_from(["Müller", "Li, A.", "O'Neil", "Å;Ö", "S"])) + f" {i}",
            draw(thousandths) / 1000,
            draw(st.integers(3, 10**5)),
            draw(st.integers(2, 60)),
        )
        for i in range(k)
    ]


@st.composite
def written_rows(draw, rows):
    """The same rows as bytes of a text file, in one of the ways programs write them."""
    mark = draw(st.sampled_from([",", ";", "\t"]))
    point = draw(st.sampled_from([".", ","] if mark != "," else ["."]))
    short, quoted = draw(st.booleans()), draw(st.booleans())
    blank = draw(st.sampled_from(["", " ", "  "]))

    def cell(value):
        text = f"{value:.3f}" if isinstance(value, float) else str(value)
        if isinstance(value, float):
            text = (text.replace("0.", ".") if short else text).replace(".", point)
        if isinstance(value, str) or quoted:
            return '"' + text + '"'
        return blank + text + blank

    lines = ["study_id estimate n n_items".replace(" ", mark)]
    lines += [mark.join(map(cell, row)) for row in rows]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = end.join(lines) + draw(st.sampled_from(["", end, end + end]))
    return text.encode(draw(st.sampled_from(ENCODINGS)))


@st.composite
def coefficient_tables(draw, least=3, most=12):
    """Sound tables of alphas from one end of what is possible to the other."""
    k = draw(st.integers(least, most))
    lists = st.integers(0, 10**6)
    rng = np.random.default_rng(draw(lists))
    alpha = 1 - 10 ** rng.uniform(-4, 0.5, k)
    n = np.floor(10 ** rng.uniform(np.log10(4), 7, k))
    return pd.DataFrame(
        {
            "study_id": [f"S{i:02d}" for i in range(k)],
            "estimate": alpha,
            "n": n,
            "n_items": rng.integers(2, 100, k),
            "x": rng.normal(2000, 10, k),
        }
    )


@st.composite
def nearly_sound(draw):
    """A sound table of alphas in which up to two cells hold anything."""
    table = draw(coefficient_tables()).astype(object)
    table["rater"] = draw(st.sampled_from(["client", "therapist", None]))
    table["scale"] = draw(st.sampled_from(["total", "bond", None]))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        row = draw(st.integers(0, len(table) - 1))
        column = draw(st.integers(0, table.shape[1] - 1))
        table.iloc[row, column] = draw(st.one_of(cells, names))
    return table.dropna(axis="columns", how="all")


@st.composite
def responses(draw):
    """Answers of some people to some items, with gaps and constant items."""
    n, m = draw(st.integers(0, 12)), draw(st.integers(1, 5))
    cell = st.one_of(
        st.integers(1, 7), st.none(), st.sampled_from([0, -1, 99, 1e308, 1e-308])
    )
    rows = draw(
        st.lists(st.lists(cell, min_size=m, max_size=m), min_size=n, max_size=n)
    )
    frame = pd.DataFrame(rows, columns=[f"q{j + 1}" for j in range(m)], dtype=float)
    if n and draw(st.booleans()):
        frame["q1"] = 3.0
    return frame


@st.composite
def damaged(draw, content):
    """Bytes of a file after a cut, flipped bytes, or a piece replaced by noise."""
    data = bytearray(content)
    place = st.integers(0, len(data) - 1)
    kind = draw(st.sampled_from(["cut", "flip", "head", "noise"]))
    if kind == "cut":
        return bytes(data[: draw(place)])
    if kind == "noise":
        at = draw(place)
        data[at : at + draw(st.integers(1, 200))] = draw(st.binary(max_size=200))
        return bytes(data)
    within = st.integers(0, min(len(data) - 1, 600)) if kind == "head" else place
    for at in draw(st.lists(within, min_size=1, max_size=8)):
        data[at] = draw(st.integers(0, 255))
    return bytes(data)
