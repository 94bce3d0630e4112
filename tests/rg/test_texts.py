import pytest

from waistats import DataError
from waistats.rg.texts import KEYS, read_texts, texts_template, write_texts_template


def test_the_empty_file_is_read_as_nothing_given(tmp_path):
    path = write_texts_template(tmp_path / "texts.toml")
    texts = read_texts(path)
    assert texts.texts == {}
    assert texts.missing == list(KEYS)
    filled = texts_template().replace('funding = ""', 'funding = "None, \\n at all."')
    path.write_text(filled, encoding="utf-8")
    assert read_texts(path).get("funding") == "None, at all."


def test_all_wrong_keys_are_named_with_what_was_meant(tmp_path):
    with pytest.raises(DataError, match=r"'fundng' is not known.*funding.*'search'"):
        read_texts({"fundng": "x", "search": 3})
    bad = tmp_path / "t.toml"
    bad.write_text("a = ", encoding="utf-8")
    with pytest.raises(DataError, match="is not valid TOML"):
        read_texts(bad)
    with pytest.raises(DataError, match="no such file"):
        read_texts(tmp_path / "none.toml")
    with pytest.raises(DataError, match=r"ends in \.toml"):
        write_texts_template(tmp_path / "t.txt")


def test_texts_cannot_be_changed():
    texts = read_texts({"funding": "None."})
    with pytest.raises(TypeError):
        texts.texts["funding"] = "Much."
    assert read_texts(texts) is texts
    assert texts.to_frame().set_index("key").loc["funding", "text"] == "None."
