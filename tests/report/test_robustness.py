"""Sections on how far the results can be trusted."""


def test_spread_has_a_verdict_or_a_reason(wai_sections, literature_sections):
    said, told = (
        next(s for s in made if s.id == "spread")
        for made in (wai_sections, literature_sections)
    )
    assert "cannot be determined here. Some samples have several" in said.blocks[0].text
    assert "the number of items held constant" in told.blocks[0].text
    assert "moderators=" not in told.blocks[0].text
