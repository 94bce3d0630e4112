"""Many studies, from responses in memory or a query, to one coefficient table."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from waistats._caller import option
from waistats._progress import Steps
from waistats.errors import ModelError, check_conf_level, check_option
from waistats.instruments._findings import Finding, intake_records
from waistats.instruments._key_decision import Keyed
from waistats.instruments.forms import Instrument
from waistats.io._words import Labels
from waistats.measures._known import carry_covariance
from waistats.reliability._sample import MISSING
from waistats.reliability.by_study._data import (
    Question,
    ask,
    open_studies,
    study_frames,
    study_sums,
)
from waistats.reliability.by_study._outcome import table_findings
from waistats.reliability.by_study._sources import Source
from waistats.reliability.by_study._summary_table import summaries_table
from waistats.reliability.by_study._table import (
    StudyRequest,
    coefficient_table,
    covariance_blocks,
    frame_cells,
    smooth_blocks,
    summary_cells,
)
from waistats.reliability.by_study.summaries import (
    as_summaries,
    check_of_answers,
    is_summaries,
)
from waistats.reliability.covariance import MEASURES
from waistats.reliability.registry import find_coefficient


def reliability_by_study(
    data: Any,
    *,
    study: str | None = None,
    items: str | Sequence[object] | None = None,
    instrument: str | Instrument | None = None,
    scales: Mapping[str, Sequence[object]] | Sequence[str] | None = None,
    coefficient: str = "alpha",
    ci: str | None = "feldt",
    conf_level: float = 0.95,
    missing: str = "listwise",
    covariance: bool | str | None = None,
    smooth: bool = False,
    by: str | Sequence[str] = (),
    person: str | Sequence[str] | None = None,
    item: str | None = None,
    value: str | None = None,
    already_keyed: Keyed = None,
    provisional: bool = False,
    options: Mapping[str, Any] | None = None,
    raters: Mapping[str, str | Sequence[object]] | None = None,
    missing_codes: float | Sequence[float] = (),
    response_range: tuple[float, float] | None = None,
    reverse: str | Sequence[object] = (),
    where: str | None = None,
    accept: str | Sequence[str] = (),
    labels: Labels | None = None,
    missing_words: Sequence[str] | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    skip_rows: int = 0,
) -> pd.DataFrame:
    """Return the reliability of every study, as a coefficient table.

    Parameters
    ----------
    data : DataFrame, path, glob, Ibis table or ResponseSummaries
        One row per respondent; or, with ``person``, ``item`` and ``value``, one row per
        answer. Parquet and CSV are queried in place, not read into memory. Or the sums
        of `summarize_responses`, or JSON files of them.
    study : str
        The column that says which study a respondent belongs to. Summaries name their
        studies: with them, omit this and all options about answers.
    items : str or sequence, optional
        Prefix or names of the item columns; by default those numbered from 1.
    instrument : str or Instrument, optional
        A form: its reversed items are reverse-scored, and each of its subscales and the
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
    covariance : bool, None or {"bonett", "hakstian-whalen", "raw"}
        Put the sampling covariance of each study's coefficients, on this scale (True is
        ``"bonett"``), into ``table.attrs["V"]``: a dict of study_id to block. None, the
        default, does so with ``raters`` or ``person`` in a wide table.
    smooth : bool
        Smooth these covariances over the studies. Unsmoothed, those of small studies
        with answers at the ceiling are correlated with their alphas, and pooled alphas
        come out too low.
    by : str or sequence of str
        Columns that split a study into samples, such as the rater or the session.
    person : str or sequence of str, optional
        Column (or columns) of the respondent. A person who is repeated in one study
        and ``by`` cell counts once if the answers are the same. Coefficients of the
        same persons, on several occasions, covary, and share a ``sample_id``.
    item, value : str
        For a long table, one row per answer, with ``person``: columns of item and answer.
    already_keyed : bool, None or mapping of study to these
        Whether the instrument's reversed items are reverse-scored in the data already.
        None, the default: clear evidence in the answers decides, study by study.
    provisional : bool
        Allow a form whose key rests on weak evidence.
    options : mapping, optional
        Further options of the coefficient's function, such as
        ``{"n_resamples": 1000}``.
    raters : mapping of rater to items, optional
        Raters whose answers are in columns of their own, such as ``{"client": "WAI_C_",
        "therapist": "WAI_T_"}``: the prefix or the columns of each rater's items.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    response_range : tuple of float, optional
        Lowest and highest answer; by default those of the instrument, or of the value
        labels.
    reverse : str or sequence
        Items to reverse-score in addition to those of the instrument's key; one that
        the key reverses too is thereby left as it is.
    where : str, optional
        Which rows are used, such as ``"filter_$ == 1"`` or ``"session in (3, 10)"``.
    accept : str or sequence of str
        Identifiers of findings to accept, such as ``"negative_alpha"``.
    labels, missing_words, encoding, sheet, skip_rows
        How a file is read, as in :func:`read_responses`.

    Returns
    -------
    DataFrame
        One row per study (or sample) and scale, in order of first appearance; from an
        Ibis table in order of the study's name. ``study_id, sample_id, coefficient_id,
        scale, coefficient_type, estimate, se, ci_low, ci_high, n, n_items, score_mean,
        score_sd, n_excluded, status, reason, note``, with ``instrument``, ``rater`` and
        ``provenance`` where known. Scores are sums of the items. A study without a
        coefficient is a row with ``status`` not_poolable and a ``reason``.
        ``attrs["intake"]`` lists what was found in the data and decided, by the data or
        by the user; ``attrs["notes"]`` says it in sentences.

    Raises
    ------
    DataError
        If columns are missing or items are not numeric; if answers look like codes for
        a missing answer or lie outside the range; if the answers contradict the stated
        key, conflict, or do not say how the file is keyed; if a person appears twice
        with different answers; if alpha of a form is negative. All at once, each with
        the option that helps and its identifier for ``accept``: see
        `inspect_responses`. Rows without a study are excluded and named in a note.

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
    different people unless ``person`` says who they are.

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
    missing = check_option("missing", missing, MISSING)
    wide_person = person is not None and item is None and value is None
    sums = as_summaries(data) if is_summaries(data) else None
    if sums is not None and covariance is None:
        linked = any(part.linked for part in sums.parts)
        covariance = linked and sums.moments == 4 and coefficient == "alpha"
    if covariance is None:
        shared = raters is not None or wide_person
        covariance = shared and spec.gradient is not None
    measure = "bonett" if covariance is True else covariance
    if measure:
        measure = check_option("covariance", measure, MEASURES)
        if spec.gradient is None:
            raise ModelError(
                f"{option('covariance')} is not available for {coefficient}; leave it out, "
                f"or use {option('coefficient', 'alpha')}."
            )
    spec.check_options(options or {})
    if smooth and not measure:
        raise ModelError(
            f"{option('smooth', True)} is for the sampling covariance: "
            f"{option('covariance', True)}."
        )
    request = StudyRequest(
        name=coefficient,
        spec=spec,
        ci=spec.interval(ci),
        conf_level=conf_level,
        missing=missing,
        measure=str(measure) if measure else None,
        options=dict(options or {}),
    )
    if sums is not None:
        check_of_answers(
            items=items,
            instrument=instrument,
            scales=scales,
            by=by,
            person=person,
            item=item,
            value=value,
            already_keyed=already_keyed,
            provisional=provisional,
            raters=raters,
            missing_codes=missing_codes,
            response_range=response_range,
            reverse=reverse,
            where=where,
        )
        table, findings = summaries_table(sums, request, ci, accept)
        return _finished(table, findings, request.measure if smooth else None)
    if study is None:
        raise ModelError(f"{option('study')} must name the column of the study.")
    question = ask(
        study=study,
        by=by,
        person=person,
        item=item,
        value=value,
        items=items,
        instrument=instrument,
        scales=scales,
        provisional=provisional,
        missing_codes=missing_codes,
        response_range=response_range,
        already_keyed=already_keyed,
        reverse=reverse,
        accept=accept,
        raters=raters,
        where=where,
        labels=labels,
        missing_words=missing_words,
        encoding=encoding,
        sheet=sheet,
        skip_rows=skip_rows,
        ci=request.ci,
    )
    with Steps("by study", 2) as bar:
        bar.step("reading")
        source = open_studies(data, question)
        bar.step("coefficients")
        table = _from_sums(source, question, request)
        if table is None:
            table = _from_answers(source, question, request)
    question.say(table_findings(table, question))
    return _finished(table, question.findings, request.measure if smooth else None)


def _finished(
    table: pd.DataFrame, findings: Sequence[Finding], smooth: str | None
) -> pd.DataFrame:
    """Return the table with what was found, its covariances smoothed on this measure."""
    if smooth:
        table.attrs["V"] = smooth_blocks(table, table.attrs["V"], smooth)
    if findings:
        table.attrs["intake"] = intake_records(findings)
        table.attrs["notes"] = [finding.sentence() for finding in findings]
    return table


def _from_sums(
    source: pd.DataFrame | Source, question: Question, request: StudyRequest
) -> pd.DataFrame | None:
    """Return the table from sums by study; None where sums are not enough."""
    if not request.by_sums:
        return None
    found = study_sums(source, question, products=not request.by_formula)
    flat = any((s.item_variance == 0).any() for s in found.summaries.values())
    if flat and request.name != "alpha":
        # these coefficients leave constant items out, and then count respondents again
        return None
    cells = {
        key: summary_cells(summary, found.scales[key], request)
        for key, summary in found.summaries.items()
    }
    return coefficient_table(found.samples, cells, request.name)


def _why(request: StudyRequest) -> str:
    """Return which option needs the answers themselves."""
    if request.measure:
        return option("covariance")
    if request.missing != "listwise":
        return option("missing", request.missing)
    return f"{option('coefficient', request.name)} with {option('ci', request.ci)}"


def _from_answers(
    source: pd.DataFrame | Source, question: Question, request: StudyRequest
) -> pd.DataFrame:
    """Return the table from the answers themselves, whole studies at a time."""
    tables: list[pd.DataFrame] = []
    blocks: dict[str, list[list[float]]] = {}
    for frame in study_frames(source, question, why=_why(request)):
        cells = frame_cells(frame, request)
        tables.append(coefficient_table(frame.samples.frame, cells, request.name))
        if request.measure:
            blocks |= covariance_blocks(frame, cells, request)
    table = pd.concat(tables, ignore_index=True)
    if request.measure:
        carry_covariance(table, blocks, request.measure)
    return table
