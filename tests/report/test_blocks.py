"""Blocks of a report: what is made of SIMULATED data says so."""

from waistats.provenance import SIMULATED
from waistats.report.blocks import Figure, Table, figures_of
from waistats.report.sections import study_sections


def test_simulated_says_so_everywhere(literature_sections, literature_page, wai):
    sections = literature_sections
    shown = [b for s in sections for b in s.blocks if isinstance(b, (Table, Figure))]
    assert len(shown) > 20
    assert all(SIMULATED in block.caption for block in shown)
    for figure in figures_of(sections):
        assert SIMULATED in figure.drawing.alt
        texts = [t.get_text() for t in figure.drawing.figure.texts]
        assert texts.count("SIMULATED data") == 1
    assert "These data are SIMULATED." in literature_page
    for figure in figures_of(study_sections(wai, keep={"pooled"})):
        assert SIMULATED not in figure.drawing.alt
