"""A note of a result, as a paper prints it: no code, no instruction."""

import pytest

from waistats.tables._paper import for_paper


@pytest.mark.parametrize("note", [
    'It covers 88% (docs/promises.md). bias="exact" removes it (docs/promises.md).',
    "It covers 88%. Use fewer moderators.",
    "It covers 88%. fit_multilevel() with study_id as a level models the dependence.",
    "It covers 88%. Use effect_sizes(..., bias='none').",
    "It covers 88%. It is small_sample='knapp-hartung-adhoc'.",
    "It covers 88%. moderators='~ np.log(n_items)' takes that out.",
    "It covers 88%. Give `--bias exact`.",
])  # fmt: skip
def test_a_note_keeps_what_is_so_and_loses_what_to_do(note):
    assert for_paper(note) == "It covers 88%."


def test_numbers_and_tests_are_no_code():
    note = "F(1, 6) = 2.65, p = .155, R2 = 19.8%; Q(30) = 157.5 (k = 32; Holm, 1979)."
    assert for_paper(note) == note
