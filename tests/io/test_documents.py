"""TOML and JSON files are refused with the line that is wrong, in our words."""

import pytest

from waistats import DataError
from waistats.io._documents import read_json, read_toml


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = 1\nb = hello\n", r"line 2 \('b = hello'\) is not valid TOML"),
        ("a = 1\na = 2\n", "repeats a key"),
        ("[x]\n[x]\n", r"line 2 \('\[x\]'\) repeats a key or a section"),
        ("a = [1, 2", "a bracket or quotation mark is not closed"),
    ],
)
def test_toml_that_cannot_be_read(tmp_path, text, said):
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        read_toml(path)


def test_json_and_encodings_that_cannot_be_read(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"a": 1,\n "b" 2}')
    with pytest.raises(
        DataError, match=r"line 2, column 6 is not valid JSON\. Again\."
    ):
        read_json(path, "Again.")
    path.write_bytes(b"ok\n\xff")
    with pytest.raises(DataError, match="line 2 is not text in UTF-8"):
        read_toml(path)
    with pytest.raises(DataError, match="no such file"):
        read_toml(tmp_path / "absent.toml")
