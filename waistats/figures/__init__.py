"""One file a figure; matplotlib is loaded when a figure is drawn."""

from waistats.figures.box import box
from waistats.figures.caterpillar import caterpillar
from waistats.figures.forest import forest
from waistats.figures.funnel import funnel
from waistats.figures.style import alt_text, render, save

__all__ = ["alt_text", "box", "caterpillar", "forest", "funnel", "render", "save"]
