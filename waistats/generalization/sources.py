"""Whether an inducing sample is like the one whose reliability it quotes."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from waistats.errors import DataError, check_conf_level
from waistats.generalization.applications import number_column, text_column
from waistats.provenance import is_simulated, marked

COLUMNS = (
    "study_id", "source_study_id", "instrument", "rater", "scale", "score_sd", "n",
    "source_sd", "source_n", "ratio", "df1", "df2", "p_value", "ci_low", "ci_high",
    "mean_difference", "note",
)  # fmt: skip


def variance_ratio_test(
    sd: Any, n: Any, source_sd: Any, source_n: Any, *, conf_level: float = 0.95
) -> pd.DataFrame:
    r"""Test whether scores spread alike in a sample and in the source it quotes.

    Parameters
    ----------
    sd, n : array_like
        Standard deviation and size of the inducing samples.
    source_sd, source_n : array_like
        Those of the samples whose reliability they quote.
    conf_level : float, default 0.95
        Level of the intervals.

    Returns
    -------
    DataFrame
        ``ratio`` (of the variances), ``df1, df2, p_value`` (two-sided), ``ci_low,
        ci_high``; NaN where anything is missing.

    Raises
    ------
    DataError
        If a standard deviation is not positive or a sample has fewer than 2.

    Notes
    -----
    :math:`F = s^2/s_0^2` on :math:`(n-1, n_0-1)` degrees of freedom, as R's
    ``var.test``; it assumes normal scores. A quoted coefficient carries over only if
    both spread and composition are close (Vacha-Haase, Kogan & Thompson, 2000): with
    a smaller spread the reliability is lower.

    Examples
    --------
    >>> variance_ratio_test(9.4, 75, 12.1, 84)[["ratio", "df1", "df2"]].round(3)
       ratio  df1  df2
    0  0.604   74   83
    """
    check_conf_level(conf_level)
    s, k, s0, k0 = (
        np.atleast_1d(np.asarray(v, dtype=float)) for v in (sd, n, source_sd, source_n)
    )
    s, k, s0, k0 = np.broadcast_arrays(s, k, s0, k0)
    wrong = (s <= 0) | (s0 <= 0) | (k < 2) | (k0 < 2)
    if wrong.any():
        raise DataError(
            "standard deviations must be positive and samples at least 2, but are not "
            f"in row {', '.join(map(str, np.flatnonzero(wrong)))}."
        )
    ratio, df1, df2 = (s / s0) ** 2, k - 1, k0 - 1
    below = special.fdtr(df1, df2, ratio)
    tail = (1 - conf_level) / 2
    frame = pd.DataFrame(
        {
            "ratio": ratio,
            "df1": df1,
            "df2": df2,
            "p_value": 2 * np.minimum(below, special.fdtrc(df1, df2, ratio)),
            "ci_low": ratio / special.fdtri(df1, df2, 1 - tail),
            "ci_high": ratio / special.fdtri(df1, df2, tail),
        }
    )
    whole = not frame[["df1", "df2"]].isna().any(axis=None)
    return frame.astype({"df1": int, "df2": int}) if whole else frame


def induction_tests(table: pd.DataFrame, *, conf_level: float = 0.95) -> pd.DataFrame:
    """Compare each sample that quotes a reliability with the sample quoted.

    Parameters
    ----------
    table : DataFrame
        A coding sheet as `read_coefficients` reads it. The source of a row is the row
        whose ``doi`` is its ``induced_source_doi``, of the same form, rater and scale.
    conf_level : float, default 0.95
        Level of the intervals.

    Returns
    -------
    DataFrame
        One row for each row with ``induced_source_doi``: the samples, their spread,
        `variance_ratio_test`, ``mean_difference`` (standardized by the source's SD),
        and ``note`` where the source is not in the table or something is missing.

    Examples
    --------
    >>> sheet = pd.DataFrame({
    ...     "study_id": ["A", "B"], "doi": ["10.1/a", None], "score_sd": [12.1, 9.4],
    ...     "score_mean": [66, 70], "n": [84, 75], "scale": "total",
    ...     "induced_source_doi": [None, "10.1/A"]})
    >>> induction_tests(sheet)[["study_id", "source_study_id", "ratio"]].round(3)
      study_id source_study_id  ratio
    0        B               A  0.604
    """
    texts = {
        name: text_column(table, name)
        for name in ("study_id", "instrument", "rater", "scale")
    }
    doi = [text.casefold() for text in text_column(table, "doi")]
    cited = [text.casefold() for text in text_column(table, "induced_source_doi")]
    n = number_column(table, "n")
    n = np.where(np.isnan(n), number_column(table, "n_sample"), n)
    sd, mean = number_column(table, "score_sd"), number_column(table, "score_mean")
    metric = text_column(table, "score_metric")
    cell = list(zip(texts["instrument"], texts["rater"], texts["scale"], strict=True))
    rows: list[dict[str, Any]] = []
    for i in [i for i, source in enumerate(cited) if source]:
        row = {name: values[i] for name, values in texts.items()}
        row |= {"score_sd": sd[i], "n": n[i]}
        sources = [j for j, own in enumerate(doi) if own == cited[i] and j != i]
        alike = [j for j in sources if cell[j] == cell[i] and np.isfinite(sd[j])]
        if not alike:
            where = "has no SD for this form, rater and scale" if sources else "is not"
            note = f"the source {where}{' in the table' if not sources else ''}"
            rows.append(row | {"note": note})
            continue
        j = alike[0]
        row |= {
            "source_study_id": texts["study_id"][j],
            "source_sd": sd[j],
            "source_n": n[j],
        }
        if not np.isfinite([sd[i], n[i], n[j]]).all():
            rows.append(row | {"note": "SD or n is missing"})
            continue
        if metric[i] != metric[j]:
            rows.append(row | {"note": "sums and item means cannot be compared"})
            continue
        test = variance_ratio_test(sd[i], n[i], sd[j], n[j], conf_level=conf_level)
        rows.append(
            row
            | test.iloc[0].to_dict()
            | {"mean_difference": (mean[i] - mean[j]) / sd[j], "note": ""}
        )
    return marked(pd.DataFrame(rows, columns=list(COLUMNS)), is_simulated(table))
