"""The figure `cells`."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from figure_checks import check_layout
from figure_made import texts

from waistats import (
    DataError,
    figures,
)

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "cells": lambda m, **o: figures.cells(m.study.cells, **o),
}


class TestCells:
    def test_cells(self, study):
        ax = figures.cells(study)
        check_layout(ax)
        assert len(ax.patches) == len(ax.get_xticks()) * len(ax.get_yticks())
        pooled = study.cells.dropna(subset="estimate").iloc[0]
        shown = f"{pooled['estimate']:.2f}".lstrip("0") + f"\nk = {pooled['k']}"
        assert shown in texts(ax)
        _, small = plt.subplots(figsize=(3.4, 3), layout="constrained")
        check_layout(figures.cells(study.cells, ax=small))

    def test_cells_need_their_columns(self):
        with pytest.raises(DataError, match="estimate"):
            figures.cells(pd.DataFrame({"scale": ["total"], "k": [1]}))
