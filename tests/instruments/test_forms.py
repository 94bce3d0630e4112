import json
import pickle

import pandas as pd
import pytest

from waistats import DataError, Instrument, ModelError
from waistats._files import data_path
from waistats.instruments.forms import (
    bundled_forms,
    define_instrument,
    get_instrument,
    list_instruments,
)

KEYED = [name for name, form in bundled_forms().items() if form.key is not None]


def form(name: str) -> Instrument:
    return get_instrument(name, provisional=True)


@pytest.mark.parametrize("name", KEYED)
def test_subscales_hold_every_item_once(name):
    key = form(name).key
    listed = [i for items in key.subscales.values() for i in items]
    assert not listed or sorted(listed) == list(key.items)
    assert len(key.items) == form(name).n_items
    assert set(key.reverse) <= set(key.items)
    assert form(name).response_min < form(name).response_max


@pytest.mark.parametrize("name", list(bundled_forms()))
def test_every_form_has_evidence_and_reference(name):
    card = bundled_forms()[name]
    assert card.evidence
    assert all(text for text in card.evidence.values())
    assert card.reference
    assert card.raters
    assert card.status in {"yes", "provisional", "no"}
    assert (card.key is None) == (card.status == "no")


def test_counts_of_the_main_form():
    wai = form("WAI-36")
    assert [len(wai.subscales[s]) for s in ("task", "bond", "goal")] == [12, 12, 12]
    turned = {s: len(set(i) & set(wai.reverse)) for s, i in wai.subscales.items()}
    assert turned == {"task": 5, "bond": 3, "goal": 6}


def test_short_form_keeps_the_subscales_and_reversals_of_its_parent():
    wai, short = form("WAI-36"), form("WAI-S")
    for scale, items in short.subscales.items():
        assert all(short.parent[i] in wai.subscales[scale] for i in items)
    turned = [i for i in short.items if short.parent[i] in wai.reverse]
    assert turned == list(short.reverse) == [4, 10]


def test_revised_short_form_moves_two_items_and_has_no_reversed_parent():
    wai, revised = form("WAI-36"), form("WAI-SR")
    assert not set(revised.parent.values()) & set(wai.reverse)
    of = {i: scale for scale, items in wai.subscales.items() for i in items}
    moved = {
        (revised.parent[i], of[revised.parent[i]], scale)
        for scale, items in revised.subscales.items()
        for i in items
        if of[revised.parent[i]] != scale
    }
    assert moved == {(25, "goal", "task"), (24, "task", "goal")}


def test_the_two_short_forms_share_seven_parents():
    shared = set(form("WAI-S").parent_items) & set(form("WAI-SR").parent_items)
    assert shared == {4, 8, 22, 23, 24, 32, 35}


def test_three_item_form_counts_as_its_parent_does():
    brief, revised = form("WAI-B3"), form("WAI-SR")
    assert brief.items == (9, 10, 11)
    for scale, items in brief.subscales.items():
        assert set(items) <= set(revised.subscales[scale])


@pytest.mark.parametrize("name", ["wai-sr", "WAI SR", "waisr", "WAI-SR-C"])
def test_names_are_found_in_any_spelling(name):
    assert get_instrument(name).name == "WAI-SR"


def test_unknown_name_suggests_the_near_one():
    with pytest.raises(DataError, match=r"did you mean 'WAI-SR'"):
        get_instrument("WAI-SRR")


def test_provisional_forms_need_an_opt_in():
    with pytest.raises(ModelError, match=r"SWAI-T is provisional.*provisional=True"):
        get_instrument("SWAI-T")
    assert get_instrument("swai-t", provisional=True).n_items == 19


def test_a_card_has_facts_but_no_key():
    card = get_instrument("WATOCI")
    assert card.n_items == 16
    for ask in ("items", "subscales", "reverse", "scales"):
        with pytest.raises(DataError, match=r"WATOCI: only a card \(16 items\)"):
            getattr(card, ask)
    assert "card only" in str(card)


def test_a_form_prints_as_a_card_and_gives_a_frame():
    text = str(get_instrument("WAI-S"))
    assert "4 6 10 11" in text
    assert "12 to 84" in text
    assert "10.1037/1040-3590.1.3.207" in text
    frame = get_instrument("WAI-S").to_frame()
    assert list(frame.columns) == ["item", "subscale", "reversed"]
    assert frame.loc[frame["reversed"], "item"].tolist() == [4, 10]
    assert "&amp; Kokotovic" in get_instrument("WAI-S")._repr_html_()


def test_the_list_holds_every_form():
    frame = list_instruments(details=True)
    assert frame["name"].is_unique
    yes = frame.loc[frame["status"] == "yes", "name"].tolist()
    assert yes == ["WAI-36", "WAI-S", "WAI-SR"]
    assert isinstance(frame["n_items"].dtype, pd.Int64Dtype)


def test_the_list_fits_the_screen():
    frame = list_instruments()
    with pd.option_context("display.width", 80, "display.max_columns", 20):
        shown = str(frame)
    assert "..." not in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert frame["name"].tolist() == list_instruments(details=True)["name"].tolist()
    assert frame.set_index("name").loc["WAI-SR", "answers"] == "1-5"


@pytest.mark.parametrize("name", ["WAI", " wai ", "WAI-C", "wai-t", "WAI-O", "WAI-P"])
def test_a_name_of_the_family_is_ambiguous(name):
    with pytest.raises(DataError) as error:
        get_instrument(name)
    said = str(error.value)
    assert f"{name!r} is ambiguous" in said
    for form in ("WAI-36 (36 items)", "WAI-S (12 items)", "WAI-SR (12 items)"):
        assert form in said
    assert "identify_instrument" in said


def test_own_forms_are_checked_all_at_once():
    with pytest.raises(DataError) as error:
        define_instrument(
            "X",
            n_items=3,
            response_min=5,
            response_max=1,
            subscales={"a": [1, 4], "total": [2, 2]},
            reverse=[0],
        )
    for part in (
        r"response_min (5)",
        "a names 4, not in 1 ... 3",
        "reverse names 0",
        "total names 2 twice",
        "no subscale may be called total",
    ):
        assert part in str(error.value)


def test_the_file_names_no_evidence_tag_that_it_does_not_explain():
    content = json.loads(data_path("instruments.json").read_text(encoding="utf-8"))
    tags = set(content["evidence_tags"])
    for name, entry in content["forms"].items():
        for text in entry["evidence"].values():
            found = {tag for tag in tags if tag in text}
            assert found or "parent" in text, f"{name}: {text}"


def test_forms_cannot_be_changed_but_can_be_sent_to_other_processes():
    wai = get_instrument("WAI-S")
    with pytest.raises(TypeError):
        wai.subscales["task"] = (1,)
    with pytest.raises(AttributeError):
        wai.n_items = 3
    copy = pickle.loads(pickle.dumps(wai))
    assert copy.scales == wai.scales
    assert str(copy) == str(wai)
