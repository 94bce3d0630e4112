"""The section on moderators: its model, and whose test it is."""

import re

import numpy as np
from report_studies import aliased

from waistats import generalize, load_dataset, read_coefficients
from waistats._format import fixed
from waistats.report.blocks import Table, words_of
from waistats.report.checklist import FILLED, checklist
from waistats.report.moderators import model_sentence, moderators
from waistats.report.sections import study_sections
from waistats.report.text import moderators_sentence


def test_moderator_model_fills_its_item():
    study = generalize(load_dataset("mibs"), "~ year")
    assert checklist(study, {"moderators"})[20].status == FILLED
    (made,) = study_sections(study, keep={"moderators"})[:1]
    captions = [b.caption for b in made.blocks if isinstance(b, Table)]
    assert "The Model with Year" in captions
    said = next(t for t in words_of([made]) if t.startswith("The model with year (k"))
    fit = study.moderator_model
    assert study.equation in said
    assert f"residual heterogeneity Q({fit.Q_df}) = {fixed(fit.Q, 2)}" in said


def test_terms_and_studies_are_called_by_their_names():
    table = load_dataset("mibs")
    study = generalize(table, "~ year + n_items")
    said = model_sentence(study)
    assert said.startswith("The model with year and number of items (k = 33)")
    assert "× number of items" in said
    assert "n_items" not in said
    assert "number of items (Calhoun, 2015, alone determines" in moderators_sentence(
        study
    )


def test_aliased_moderators_are_merged_and_said_in_words():
    study = generalize(aliased())
    row = study.screen.set_index("moderator").loc["instrument"]
    assert row["p_adjusted"] < 0.05
    assert not row["explains"]
    said = moderators_sentence(study)
    assert "Undecided: version (not distinguishable from number of items)" in said
    assert "explains" not in said
    words = " ".join(words_of(moderators(study))).casefold()
    assert "the same contrast as number of items" in words
    assert "tested once, under version" in words


def test_what_is_undecided_is_said_beside_what_holds():
    table = aliased()
    # a third moderator that decides: half of each version
    half = np.arange(16) % 2 == 0
    table["setting"] = np.where(half, "inpatient", "outpatient")
    table["estimate"] = 1 - (1 - table["estimate"]) * np.where(half, 0.35, 1.6)
    table["estimate"] = table["estimate"].clip(0.01, 0.99)
    study = generalize(table.drop(columns="rater"))
    said = moderators_sentence(study)
    assert re.search(r"setting \(adjusted p [<=] \.\d+\) explains differences", said)
    assert "Undecided: version (not distinguishable from number of items)" in said


def test_the_model_of_a_contrast_of_one_study_says_whose_test_it_is(request):
    path = request.path.parents[1] / "cases" / "one_study_against_rest.csv"
    study = generalize(read_coefficients(path), moderators="~ setting")
    words = " ".join(words_of(moderators(study)))
    assert "the model’s own test, since Study 01 alone determines a contrast" in words
    assert "setting: outpatient is determined by Study 01 alone" in words
    assert "explains" not in words
