"""Works that are cited, and no others."""

import re

from waistats.report.blocks import words_of
from waistats.report.works import WORKS, cited


def test_works_that_are_cited_are_listed_and_no_others(
    wai_sections, literature_sections
):
    for sections in (wai_sections, literature_sections):
        *others, last = sections
        assert last.id == "references"
        assert list(last.blocks[0].items) == cited(words_of(others))
        # whatever looks like a citation is known
        words = " ".join(words_of(others))
        found = set(re.findall(r"[A-ZÁ][\w’'-]+(?: et al\.)?, (?:19|20)\d\d", words))
        known = " ".join(WORKS)
        assert found
        assert [f for f in found if f not in known] == []
