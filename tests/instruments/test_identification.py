import pytest

from waistats import DataError, ModelError
from waistats.instruments.identification import identify_instrument


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ((36, 1, 7, None), "WAI-36"),
        ((36, None, None, "client"), "WAI-36"),
        ((12, 1, 7, "therapist"), "WAI-S"),
        ((12, 1, 5, None), "WAI-SR"),
        ((12, 1, 5, "client"), "WAI-SR"),
        ((12, 1, 5, "observer"), "WAI-SR"),
        ((10, 1, 5, "therapist"), "WAI-SRT-10"),
        ((19, 1, 7, "trainee"), "SWAI-T"),
        ((23, 1, 7, "supervisor"), "SWAI-S"),
        ((3, 1, 5, "client"), "WAI-B3"),
        ((16, 1, 7, "client"), None),
        ((12, None, None, None), None),
        ((12, 1, 4, None), None),
        ((7, 1, 7, None), None),
    ],
)
def test_facts_decide(facts, name):
    n_items, low, high, rater = facts
    match = identify_instrument(
        n_items=n_items, response_min=low, response_max=high, rater=rater
    )
    assert match.name == name
    assert not match.conflict
    assert name is None or name in match.candidates


def test_sixteen_items_name_the_forms_to_choose_from():
    match = identify_instrument(n_items=16)
    assert {"WATOCI", "br-WAI", "WAI-SR (Brazil, 16 items)"} <= set(match.candidates)
    assert "Look up the reference" in match.explanation


def test_label_against_facts_is_a_conflict_and_facts_win():
    match = identify_instrument(
        n_items=12, response_min=1, response_max=7, label="WAI-SR"
    )
    assert (match.name, match.conflict) == ("WAI-S", True)
    assert "label and facts disagree" in match.explanation
    assert bool(match.to_frame()["conflict"].iloc[0])
    assert "label conflict" in str(match)


def test_label_chooses_among_forms_that_the_facts_allow():
    match = identify_instrument(
        n_items=12, response_min=1, response_max=5, label="wai-sr-t"
    )
    assert (match.name, match.conflict) == ("WAI-SR-T-12", False)


def test_a_ten_item_label_on_twelve_items_is_a_conflict():
    match = identify_instrument(
        n_items=12, response_min=1, response_max=5, rater="therapist", label="WAI-SRT"
    )
    assert (match.name, match.conflict) == ("WAI-SR", True)
    assert "belongs to WAI-SRT-10 (10 items" in match.explanation


def test_label_alone_decides_nothing():
    match = identify_instrument(label="WAI-SR")
    assert match.name is None
    assert match.candidates[0] == "WAI-SR"
    assert "Supervisory Relationships" in match.explanation


@pytest.mark.parametrize("label", ["WAI", "WAI-C", "wai-p"])
def test_family_labels_never_conflict(label):
    match = identify_instrument(n_items=12, response_min=1, response_max=5, label=label)
    assert (match.name, match.conflict) == ("WAI-SR", False)


def test_unknown_label_is_said():
    match = identify_instrument(n_items=36, label="WAI-BCAS")
    assert match.name == "WAI-36"
    assert "The label WAI-BCAS is not known" in match.explanation


def test_answers_counted_from_zero_are_explained():
    match = identify_instrument(n_items=12, response_min=0, response_max=4)
    assert match.name is None
    assert "WAI-SR has as many answer categories" in match.explanation


def test_patient_means_client_and_unknown_raters_are_refused():
    assert identify_instrument(n_items=36, rater="Patient").name == "WAI-36"
    with pytest.raises(ModelError, match="rater must be one of"):
        identify_instrument(n_items=36, rater="robot")


def test_impossible_facts_are_refused():
    with pytest.raises(DataError, match=r"n_items .*0; response_min \(7\) must be"):
        identify_instrument(n_items=0, response_min=7, response_max=1)


def test_empty_cells_of_a_table_are_unknown_facts():
    match = identify_instrument(
        n_items=12.0, response_min=1.0, response_max=5.0, rater="", label=float("nan")
    )
    assert match.name == "WAI-SR"
    assert match.explanation.startswith("12 items, answers 1 to 5: WAI-SR.")
    assert match.label is None
    empty = identify_instrument(n_items=float("nan"))
    assert empty.name is None
