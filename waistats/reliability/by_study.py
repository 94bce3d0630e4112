"""Many studies, from responses in memory or a query, to one coefficient table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from waistats.datasets.readers import read_responses
from waistats.errors import (
    DataError,
    ModelError,
    check_conf_level,
    check_option,
    listing,
)
from waistats.forms import Instrument
from waistats.reliability.at_scale import query_summaries
from waistats.reliability.batches import study_batches
from waistats.reliability.coefficients import find_coefficient
from waistats.reliability.covariance import MEASURES
from waistats.reliability.grouping import CARRIED, check_columns, group_samples
from waistats.reliability.layout import Layout, long_columns
from waistats.reliability.responses import read_items
from waistats.reliability.sample import MISSING
from waistats.reliability.scales import ScalePlan, plan_scales
from waistats.reliability.smoothing import smooth_blocks
from waistats.reliability.sources import Source, open_source
from waistats.reliability.studies import (
    StudyRequest,
    covariance_blocks,
    frame_cells,
    summary_cells,
)
from waistats.reliability.summaries import summarise
from waistats.reliability.sums_query import (
    Answers,
    long_items,
    numeric_columns,
    widened,
)
from waistats.reliability.table import Cells, coefficient_table
from waistats.scoring import keyed_items


def reliability_by_study(
    data: Any,
    *,
    study: str,
    items: str | Sequence[object] | None = None,
    instrument: str | Instrument | None = None,
    scales: Mapping[str, Sequence[object]] | Sequence[str] | None = None,
    coefficient: str = "alpha",
    ci: str | None = "feldt",
    conf_level: float = 0.95,
    missing: str = "listwise",
    covariance: bool | str = False,
    smooth: bool = False,
    by: str | Sequence[str] = (),
    person: str | Sequence[str] | None = None,
    item: str | None = None,
    value: str | None = None,
    already_keyed: bool = False,
    provisional: bool = False,
    options: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Return the reliability of every study, as a coefficient table.

    Parameters
    ----------
    data : DataFrame, path, glob or Ibis table
        One row a respondent; or, with ``person``, ``item`` and ``value``, one row an
        answer. Parquet and CSV are queried where they lie, not read into memory.
    study : str
        The column that says which study a respondent belongs to.
    items : str or sequence, optional
        Prefix or names of the item columns; by default those numbered from 1.
    instrument : str or Instrument, optional
        A form: its reversed items are turned round, and each of its subscales and the
        total gets a row.
    scales : mapping or sequence, optional
        Columns of each scale, such as ``{"task": ["wai1", "wai2"]}``; or names of the
        instrument's scales to use.
    coefficient : str
        ``"alpha"``, ``"standardized_alpha"``, ``"kr20"``, ``"omega_total"``, ...
    ci : str or None
        The interval; where ``"feldt"`` is not defined for the coefficient, its own
        default.
    conf_level : float
        Confidence level.
    missing : {"listwise", "pairwise", "em"}
        Treatment of missing answers, within study and scale.
    covariance : bool or {"bonett", "hakstian-whalen", "raw"}
        Put the sampling covariance of each study's coefficients, on this scale (True is
        ``"bonett"``), into ``table.attrs["V"]``: a dict of study_id to block.
    smooth : bool
        Smooth these covariances over the studies. Unsmoothed, those of small studies
        with answers at the ceiling are correlated with their alphas, and pooled alphas
        come out too low.
    by : str or sequence of str
        Columns that split a study into samples, such as the rater or the session.
    person, item, value : str
        Columns of a long table: respondent, item and answer.
    already_keyed : bool
        Whether the instrument's reversed items are already turned round.
    provisional : bool
        Allow a form whose key rests on weak evidence.
    options : mapping, optional
        Further options of the coefficient's function, such as
        ``{"n_resamples": 1000}``.

    Returns
    -------
    DataFrame
        One row a study (or sample) and scale, in order of first appearance; from an
        Ibis table in order of the study's name. ``study_id, sample_id, coefficient_id,
        scale, coefficient_type, estimate, se, ci_low, ci_high, n, n_items, score_mean,
        score_sd, n_excluded, status, reason, note``, with ``instrument``, ``rater`` and
        ``provenance`` where known. Scores are sums of the items. A study without a
        coefficient is a row with ``status`` not_poolable and a ``reason``.

    Raises
    ------
    DataError
        If columns are missing, items are not numeric, or the study is empty somewhere.

    Notes
    -----
    Every coefficient uses the respondents who answered all items of its scale (unless
    ``missing`` says otherwise), so that n may differ between scales.

    From files and tables, alpha with an interval by formula is one query for n, the
    sums and squares of the items and the square of the total, by study and
    completeness: exact for whole numbers, and nothing but those sums leaves the
    database. Other coefficients with ``ci="normal-theory"`` or None add cross-products.
    Anything else fetches the answers of some studies at a time.

    With ``covariance``, use the blocks as
    ``fit_multilevel(effect_sizes(table), V=table.attrs["V"])``; they hold the ADF
    variances and covariances of ``alpha_covariance``, rows in the table's order,
    and NaN for coefficients that are not poolable. Samples made by ``by`` are taken as
    different people.

    Examples
    --------
    >>> import pandas as pd
    >>> answers = pd.DataFrame(
    ...     [[1, 2], [3, 3], [4, 5], [2, 1], [1, 1], [2, 3]], columns=["q1", "q2"]
    ... )
    >>> answers["study"] = list("AAAABB")
    >>> table = reliability_by_study(answers, study="study")
    >>> table[["study_id", "scale", "estimate", "n", "n_items", "status"]].round(3)
      study_id  scale  estimate  n  n_items        status
    0        A  total     0.889  4        2      poolable
    1        B  total       NaN  2        2  not_poolable
    """
    spec = find_coefficient(coefficient)
    check_conf_level(conf_level)
    check_option("missing", missing, MISSING)
    measure = "bonett" if covariance is True else covariance
    if measure:
        check_option("covariance", measure, MEASURES)
        if spec.gradient is None:
            raise ModelError(
                f"covariance is not available for {coefficient}; leave it out or use "
                "coefficient='alpha'."
            )
    spec.check_options(options or {})
    if smooth and not measure:
        raise ModelError("smooth=True is for the sampling covariance: covariance=True.")
    request = StudyRequest(
        name=coefficient,
        spec=spec,
        ci=spec.interval(ci),
        conf_level=conf_level,
        missing=missing,
        measure=str(measure) if measure else None,
        options=dict(options or {}),
    )
    layout = Layout(
        study=study,
        by=(by,) if isinstance(by, str) else tuple(by),
        long=long_columns(person, item, value),
    )

    def plan(known: Sequence[object]) -> ScalePlan:
        return plan_scales(
            known,
            items=items,
            instrument=instrument,
            scales=scales,
            provisional=provisional,
        )

    source = open_source(data)
    make = _from_frame if isinstance(source, pd.DataFrame) else _from_source
    table = make(source, layout, plan, request, already_keyed)
    if smooth:
        table.attrs["V"] = smooth_blocks(table, table.attrs["V"], str(measure))
    return table


MakePlan = Callable[[Sequence[object]], ScalePlan]


def _from_source(
    source: Source,
    layout: Layout,
    make_plan: MakePlan,
    request: StudyRequest,
    already_keyed: bool,
) -> pd.DataFrame:
    layout.check(source.columns)
    items = {} if layout.long is None else long_items(source, layout.long)
    plan = make_plan(list(items) or [c for c in source.columns if c not in layout.keys])
    answered = plan.columns if layout.long is None else (layout.long.value,)
    bad = numeric_columns(source.table, answered)
    if bad and source.path is not None:
        # worded answers and decimal commas are for the careful reader
        frame = read_responses(source.path)
        return _from_frame(frame, layout, make_plan, request, already_keyed)
    if bad:
        raise DataError(
            f"items must be numeric, but {listing(bad)}. Turn words into numbers "
            "first, for example with read_responses(path, labels=...)."
        )
    if request.by_sums:
        answers = Answers(
            table=widened(source, layout, items),
            layout=layout,
            plan=plan,
            order=source.order,
            turned=frozenset() if already_keyed else plan.reversed,
        )
        samples, summaries = query_summaries(answers, products=not request.by_formula)
        flat = any((summary.item_variance == 0).any() for summary in summaries.values())
        lost = any(summary.holds_nan for summary in summaries.values())
        # other coefficients leave constant items out, and their respondents in
        if not lost and (request.name == "alpha" or not flat):
            cells = {
                scale: summary_cells(summary, plan.scales[scale], request)
                for scale, summary in summaries.items()
            }
            return finished(samples, cells, plan, request)
    needed = plan.columns
    if layout.long is not None:
        needed = (layout.long.item, layout.long.value)
    tables = [
        _from_frame(frame, layout, make_plan, request, already_keyed)
        for frame in study_batches(source, layout, needed)
    ]
    blocks = [table.attrs.pop("V", {}) for table in tables]
    table = pd.concat(tables, ignore_index=True)
    if request.measure:
        table.attrs["V"] = {k: block for part in blocks for k, block in part.items()}
    return table


def _from_frame(
    data: pd.DataFrame,
    layout: Layout,
    make_plan: MakePlan,
    request: StudyRequest,
    already_keyed: bool,
) -> pd.DataFrame:
    wide = layout.widen(data)
    check_columns(wide.columns, {"study": [layout.study], "by": layout.by})
    plan = make_plan([c for c in wide.columns if c not in layout.keys])
    samples = group_samples(wide, layout.study, layout.by, carry=carried(wide, layout))
    k = len(samples.frame)
    answers = keyed_answers(wide, plan, already_keyed)
    cells: dict[str, Cells] = {}
    if request.by_formula:
        values = answers.to_numpy()
        place = {column: j for j, column in enumerate(answers.columns)}
        for scale, columns in plan.scales.items():
            part = values[:, [place[column] for column in columns]]
            summary = summarise(part, samples.codes, k)
            cells[scale] = summary_cells(summary, columns, request)
    else:
        cells = frame_cells(answers, samples.codes, k, plan, request)
    table = finished(samples.frame, cells, plan, request)
    if request.measure:
        table.attrs["V"] = covariance_blocks(
            answers, samples.codes, samples.frame, plan, cells, request
        )
    return table


def finished(
    samples: pd.DataFrame,
    cells: Mapping[str, Cells],
    plan: ScalePlan,
    request: StudyRequest,
) -> pd.DataFrame:
    """Return the coefficient table; the form's name is a fact of every sample."""
    if plan.form is not None:
        samples = samples.drop(columns="instrument", errors="ignore")
        samples.insert(2, "instrument", plan.form.name)
    return coefficient_table(samples, cells, request.name)


def keyed_answers(
    data: pd.DataFrame, plan: ScalePlan, already_keyed: bool
) -> pd.DataFrame:
    """Return the answers needed, as floats, reversed items turned round."""
    if plan.form is not None:
        keyed = keyed_items(
            data, plan.form, plan.form_columns, already_keyed=already_keyed
        )
        return keyed[list(plan.columns)]
    read = read_items(data[list(plan.columns)])
    return pd.DataFrame(read.values, index=data.index, columns=list(plan.columns))


def carried(data: pd.DataFrame, layout: Layout) -> list[str]:
    """Return the facts of a sample that the data hold."""
    return [c for c in CARRIED if c in data.columns and c not in layout.keys]
