"""Whatever a file holds: its true numbers, or an error in words that names the file."""

import time

import numpy as np
import pandas as pd
import pytest
from hostile import KINDS, answer, bounded, write
from hypothesis import given, settings, strategies as st
from strategies import WORDS, damaged, delimited, true_rows, written_rows

from waistats import (
    DataError,
    check_coefficients,
    read_coefficients,
    read_responses,
    simulate_responses,
)

COLUMNS = ["study_id", "estimate", "n", "n_items"]


def is_true(table, rows):
    assert list(table["study_id"]) == [row[0] for row in rows]
    for j, name in enumerate(COLUMNS[1:], start=1):
        np.testing.assert_allclose(table[name], [row[j] for row in rows], rtol=1e-15)


@bounded
@given(rows=true_rows(), data=st.data())
def test_text_files_give_their_true_numbers(rows, data, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(data.draw(written_rows(rows)))
    table, said = answer(read_coefficients, path)
    # a comma may part thousands or decimals: such a file may be refused, never misread
    assert (
        "comma" in said or "decimal" in said if said else is_true(table, rows) is None
    )


@pytest.mark.parametrize("kind", KINDS)
@settings(bounded, max_examples=10)
@given(rows=true_rows(), as_text=st.booleans())
def test_files_of_any_kind_give_their_true_numbers(kind, rows, as_text, tmp_path):
    frame = pd.DataFrame(rows, columns=COLUMNS)
    if as_text:
        frame["estimate"] = [f" {a:.3f} " for a in frame["estimate"]]
        frame["n"] = frame["n"].astype(str)
    is_true(read_coefficients(write(frame, tmp_path / f"größe 1.{kind}")), rows)


@bounded
@given(content=delimited())
def test_coefficients_are_sound_or_refused(content, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    table, said = answer(read_coefficients, path)
    found, _ = answer(check_coefficients, path)
    if said:
        assert str(path) in said
        assert found is None or (found["severity"] == "error").any()
        return
    assert not (found["severity"] == "error").any()
    given_up = pd.Series(False, index=table.index)
    if "reason" in table:
        given_up = table["reason"].notna()
    used = table[~given_up]
    assert (used["estimate"] < 1).all()
    assert ((used["n"] >= 3) & (used["n"] % 1 == 0)).all()
    assert ((used["n_items"] >= 2) & (used["n_items"] % 1 == 0)).all()


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("column", COLUMNS[1:])
def test_a_cell_is_the_number_it_shows_or_named(word, column, tmp_path):
    row = {"study_id": "A", "estimate": ".9", "n": "100", "n_items": "12"}
    lines = ["\t".join(row), "\t".join((row | {column: word}).values())]
    path = tmp_path / "a.tsv"
    path.write_text("\n".join(lines), "utf-8")
    table, said = answer(read_coefficients, path)
    if said:
        assert column in said
        assert "line 2" in said
    else:
        shown = word.replace(",", ".").replace("−", "-")
        assert table[column].iloc[0] == float(shown)


@bounded
@given(content=delimited(header=("study", "q1", "q2", "q3")))
def test_answers_are_read_or_refused(content, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    frame, said = answer(read_responses, path, items=["q1", "q2", "q3"])
    if said:
        assert str(path) in said
        return
    items = frame[["q1", "q2", "q3"]]
    assert all(pd.api.types.is_numeric_dtype(items[c]) for c in items)
    assert not np.isinf(items.to_numpy(float)).any()


@bounded
@given(content=st.binary(max_size=400))
def test_noise_under_any_name(content, tmp_path):
    for kind in KINDS:
        path = tmp_path / f"noise.{kind}"
        path.write_bytes(content)
        with pytest.raises(DataError, match="noise"):
            read_coefficients(path)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Bytes of a sound file of each kind."""
    folder = tmp_path_factory.mktemp("sound")
    frame = simulate_responses("WAI-SR", studies=2, n=10, seed=1)
    return {kind: write(frame, folder / f"r.{kind}").read_bytes() for kind in KINDS}


def test_a_stata_file_that_claims_millions_of_variables(sound, tmp_path):
    path = tmp_path / "r.dta"
    at = sound["dta"].index(b"<K>") + 3
    content = bytearray(sound["dta"])
    content[at : at + 4] = (10**7).to_bytes(4, "little")
    path.write_bytes(content)
    started = time.monotonic()
    with pytest.raises(DataError, match=r"cannot be read as a Stata file"):
        read_responses(path)
    # ten seconds and gigabytes, were they believed
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("kind", KINDS)
@settings(bounded, max_examples=25)
@given(data=st.data())
def test_damaged_files(kind, data, sound, tmp_path):
    path = tmp_path / f"r.{kind}"
    path.write_bytes(data.draw(damaged(sound[kind])))
    frame, said = answer(read_responses, path)
    assert str(path) in said if said else len(frame) > 0
