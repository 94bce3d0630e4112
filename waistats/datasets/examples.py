"""SIMULATED practice files, clean and messy, as the programs of others write them."""

import csv
import io
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd

from waistats._files import guarded, new_folder, workbook_bytes
from waistats.datasets.simulate import simulate_responses
from waistats.datasets.simulated_studies import simulate_literature
from waistats.provenance import SIMULATED

# How the answers of the WAI-SR are worded.
_SCALE = ("Seldom", "Sometimes", "Fairly often", "Very often", "Always")
_ITEMS = [f"wai{j}" for j in range(1, 13)]
_NO_ANSWER = 99
# What each file is for.
EXAMPLES = {
    "clinic-clean.sav": "SPSS: one row per client, three sites by their value labels",
    "clinic-messy.sav": "SPSS: two raters, two sessions, 99 for no answer, a blank row, "
    "a client entered twice, a client without site",
    "qualtrics-export.csv": "Qualtrics: three header rows, answers in words, refusals, "
    "a test answer",
    "ward-list.xlsx": "Excel: a title above the names of the columns, a further sheet",
    "coding-sheet.csv": "a filled coding sheet of a SIMULATED literature",
}
# Where an SPSS file holds the day and time of its making.
_MADE = slice(92, 109)


def write_examples(
    folder: str | os.PathLike[str] = "waistats-examples", *, force: bool = False
) -> list[Path]:
    """Write SIMULATED practice files into a new folder.

    Parameters
    ----------
    folder : str or path, default "waistats-examples"
        The folder, which must not exist yet.
    force : bool, default False
        Replace a folder that this function wrote.

    Returns
    -------
    list of pathlib.Path
        The files: an SPSS file that is clean and one that is messy, an export of
        Qualtrics, a workbook with a title, a filled coding sheet. They hold the same
        bytes each time, and every row says SIMULATED.

    Raises
    ------
    DataError
        If the folder exists.
    """
    with new_folder(folder, force=force) as place:
        _write_sav(_clean(), place / "clinic-clean.sav", _labels(_ITEMS))
        messy = _messy()
        items = [name for name in messy if name.startswith(("WAI_C_", "wait"))]
        labels = _labels(items, no_answer=True)
        labels["session"] = {3: "session 3", 10: "session 10"}
        _write_sav(messy, place / "clinic-messy.sav", labels)
        (place / "qualtrics-export.csv").write_text(_qualtrics(), encoding="utf-8-sig")
        (place / "ward-list.xlsx").write_bytes(_ward_list())
        sheet = guarded(simulate_literature(30, seed=12).to_frame())
        sheet.to_csv(place / "coding-sheet.csv", index=False, lineterminator="\n")
    return [Path(folder) / name for name in EXAMPLES]


def _labels(items: list[str], *, no_answer: bool = False) -> dict[str, dict[int, str]]:
    answers = dict(enumerate(_SCALE, start=1))
    if no_answer:
        answers[_NO_ANSWER] = "no answer"
    sites = {1: "North", 2: "South", 3: "East"}
    return {"site": sites} | dict.fromkeys(items, answers)


def _drawn(n: int, seed: int, *, studies: int = 3) -> pd.DataFrame:
    return simulate_responses(
        "WAI-SR", studies=studies, n=n, reliability=0.91, tau=0.2, seed=seed
    )


def _clean() -> pd.DataFrame:
    drawn = _drawn(40, 1)
    frame = pd.DataFrame({"client": [f"C{i:03}" for i in range(len(drawn))]})
    frame["site"] = pd.factorize(drawn["study_id"])[0] + 1.0
    frame[_ITEMS] = drawn[_ITEMS].to_numpy(dtype=float)
    frame["provenance"] = SIMULATED
    return frame


def _messy() -> pd.DataFrame:
    """Return clients of two sites, rated by themselves and their therapists, twice."""
    rng = np.random.default_rng(3)
    first = _drawn(35, 2, studies=2)
    fresh = [_drawn(35, seed, studies=2)[_ITEMS].to_numpy() for seed in (4, 5, 6)]
    base = first[_ITEMS].to_numpy(dtype=float)
    # a later session and a therapist agree with the first in part
    mixed = [
        np.where(rng.random(base.shape) < share, base, new)
        for share, new in zip((0.7, 0.5, 0.5), fresh, strict=True)
    ]
    sessions = []
    for session, client, therapist in ((3, base, mixed[1]), (10, mixed[0], mixed[2])):
        part = pd.DataFrame(
            {
                "client": [f"P{i:03}" for i in range(len(base))],
                "site": pd.factorize(first["study_id"])[0] + 1.0,
                "session": float(session),
            }
        )
        part[[f"WAI_C_{j}" for j in range(1, 13)]] = client
        part[[f"wait{j}" for j in range(1, 13)]] = therapist
        sessions.append(part)
    frame = pd.concat(sessions, ignore_index=True)
    items = list(frame.columns[3:])
    answers = frame[items].to_numpy()
    answers[rng.random(answers.shape) < 0.004] = _NO_ANSWER
    frame[items] = answers
    frame.loc[50, "site"] = np.nan
    blank = frame.iloc[[20]].copy()
    blank[["site", "session", *items]] = np.nan
    blank["client"] = ""
    twice = frame.iloc[[7]]
    frame = pd.concat([frame[:30], blank, frame[30:], twice], ignore_index=True)
    frame["provenance"] = SIMULATED
    return frame


def _write_sav(
    frame: pd.DataFrame, path: Path, labels: dict[str, dict[int, str]]
) -> None:
    import pyreadstat

    pyreadstat.write_sav(frame, path, variable_value_labels=labels)
    content = bytearray(path.read_bytes())
    content[_MADE] = b"01 Jan 2600:00:00"
    path.write_bytes(bytes(content))


def _qualtrics() -> str:
    drawn = _drawn(30, 8, studies=2)
    words = np.array(_SCALE, dtype=object)[drawn[_ITEMS].to_numpy(dtype=int) - 1]
    words[[3, 17, 40], [2, 9, 7]] = "Prefer not to say"
    questions = [f"Q5_{j}" for j in range(1, 13)]
    names = ["StartDate", "Status", "ResponseId", "site", *questions, "provenance"]
    asked = [f"How often ... - item {j}" for j in range(1, 13)]
    rows: list[list[str]] = [
        names,
        ["Start Date", "Response Type", "Response ID", "Which clinic?", *asked, ""],
        [json.dumps({"ImportId": name}) for name in names],
    ]
    sites = pd.factorize(drawn["study_id"])[0]
    for i in range(len(drawn)):
        status = "Survey Preview" if i == 0 else "IP Address"
        place = ("North", "South")[sites[i]]
        started = f"2026-03-{i % 28 + 1:02} 10:00:00"
        rows.append([started, status, f"R_{i:04}", place, *words[i], SIMULATED])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _ward_list() -> bytes:
    import openpyxl

    drawn = _drawn(20, 9, studies=2)
    book = openpyxl.Workbook()
    page = book.active
    page.title = "2025"
    other = book.create_sheet("2026")
    for sheet, rows in ((page, drawn[:20]), (other, drawn[20:])):
        sheet.append(["Alliance on our wards (SIMULATED)"])
        sheet.append([])
        sheet.append(["ward", *_ITEMS, "provenance"])
        for row in rows[_ITEMS].to_numpy(dtype=int).tolist():
            sheet.append([f"ward {sheet.title}", *row, SIMULATED])
    return workbook_bytes(book)
