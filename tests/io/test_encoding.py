"""Encodings are found by evidence or refused: never other letters in silence."""

import pytest

from waistats import DataError
from waistats.io._encoding import decode

NAMES = {
    "German": ["Müller", "Köln", "Groß-Gerau", "Österreich", "Tübingen"],
    "French": ["Hôpital Saint-André", "Clinique Mère-Enfant", "l’école", "Besançon"],
    "Spanish": ["García", "España", "Muñoz", "Córdoba"],
    "Danish": ["Sørensen", "Århus", "Næstved"],
    "Portuguese": ["São Paulo", "Florianópolis", "Conceição"],
    "English": ["I don’t know", "the patient’s view", "Author – 2004"],
    "Polish": ["Łódź", "Kraków", "Gdańsk", "Częstochowa"],
    "Czech": ["České Budějovice", "Příbor", "Brno-město"],
    "Hungarian": ["Győr", "Pécs", "Szeged-fő"],
    "Russian": ["Больница", "Клиника"],
    "Ukrainian": ["Лікарня", "Київ"],
    "Greek": ["Αθήνα", "Κλινική", "Θεσσαλονίκη"],
    "Turkish": ["İstanbul", "Şişli", "Beşiktaş", "Güngören"],
    "Chinese": ["北京医院", "上海", "诊所"],
    "Chinese, short": ["北京"],
    "Japanese": ["東京クリニック", "大阪の病院"],
    "Korean": ["서울병원", "부산"],
    "Hebrew": ["ירושלים", "חיפה"],
    "Arabic": ["القاهرة", "مستشفى"],
    "Estonian": ["Tõrva", "Jõgeva", "Põlva"],
    "one letter": ["Li é"],
    "authors": ["Müller", "Sørensen", "García", "Lefèvre", "Åberg", "Muñoz"],
}
FOUND = [
    ("German", "cp1252"),
    ("German", "latin-1"),
    ("German", "mac_roman"),
    ("German", "cp850"),
    ("French", "cp1252"),
    ("French", "mac_roman"),
    ("Spanish", "cp1252"),
    ("Spanish", "mac_roman"),
    ("Danish", "cp1252"),
    ("Danish", "mac_roman"),
    ("Portuguese", "cp1252"),
    ("English", "cp1252"),
    ("one letter", "cp1252"),
    ("authors", "cp1252"),
    ("Polish", "cp1250"),
    ("Czech", "cp1250"),
    ("Russian", "cp1251"),
    ("Russian", "koi8-r"),
    ("Russian", "cp866"),
    ("Russian", "mac_cyrillic"),
    ("Ukrainian", "cp1251"),
    ("Greek", "cp1253"),
    ("Turkish", "cp1254"),
    ("Chinese", "gbk"),
    ("Chinese", "gb18030"),
    ("Japanese", "shift_jis"),
    ("Japanese", "euc_jp"),
    ("Arabic", "cp1256"),
]
# Too little to tell two readings apart: refused, both shown.
UNCLEAR = [
    ("Hungarian", "cp1250"),
    ("Chinese, short", "gbk"),
    ("Korean", "euc_kr"),
    ("Hebrew", "cp1255"),
    ("Estonian", "cp1257"),
]


def text_of(names: list[str]) -> str:
    return "site,q1,q2\n" + "".join(
        f"{name},{i % 5 + 1},3\n" for name in names for i in range(5)
    )


@pytest.mark.parametrize(("language", "encoding"), FOUND)
def test_an_encoding_is_found_and_named(language, encoding):
    text = text_of(NAMES[language])
    found = decode("sites.csv", text.encode(encoding))
    assert found.text == text
    assert f"read as {found.encoding}" in found.note
    assert "If words look wrong, name the encoding with encoding=" in found.note


@pytest.mark.parametrize(("language", "encoding"), UNCLEAR)
def test_what_is_not_certain_is_refused_with_both_readings(language, encoding):
    text = text_of(NAMES[language])
    with pytest.raises(DataError, match="encoding is not certain") as caught:
        decode("sites.csv", text.encode(encoding))
    said = str(caught.value)
    assert repr(NAMES[language][0]) in said
    assert "encoding=" in said
    assert decode("sites.csv", text.encode(encoding), encoding=encoding).text == text


@pytest.mark.parametrize("language", NAMES)
@pytest.mark.parametrize(
    "encoding",
    ["cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1257", "mac_roman", "gbk"],
)
def test_no_words_are_changed_in_silence(language, encoding):
    """Whatever a file is written in: its own text, or a note, or a refusal."""
    text = text_of(NAMES[language])
    try:
        content = text.encode(encoding)
    except UnicodeEncodeError:
        return
    try:
        found = decode("sites.csv", content)
    except DataError:
        return
    assert found.text == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_needs_no_note(encoding):
    text = text_of(NAMES["Russian"])
    found = decode("sites.csv", text.encode(encoding))
    assert (found.text, found.note) == (text, "")


def test_a_stated_encoding_is_taken_or_refused_by_line():
    content = text_of(NAMES["German"]).encode("cp1252")
    with pytest.raises(DataError, match="is not text in utf-8, first in line 2"):
        decode("sites.csv", content, encoding="utf-8")
    with pytest.raises(DataError, match="encoding 'utf-9' is unknown"):
        decode("sites.csv", content, encoding="utf-9")
    with pytest.raises(DataError, match="It may be UTF-16: try encoding 'utf-16-le'"):
        decode("sites.csv", "site,q1\nA,1\n".encode("utf-16-le"))


def test_large_files_are_decided_by_their_different_words():
    content = ("site,q1\n" + "Müller,1\n" * 200_000).encode("cp1252")
    assert decode("sites.csv", content).encoding == "cp1252"
