"""One file per figure; matplotlib is loaded when a figure is drawn."""

from waistats._signature import public
from waistats.figures._style import alt_text, render, save
from waistats.figures.baujat import baujat
from waistats.figures.box import box
from waistats.figures.bubble import bubble
from waistats.figures.caterpillar import caterpillar
from waistats.figures.cells import cells
from waistats.figures.flow import flow
from waistats.figures.forest import forest
from waistats.figures.funnel import funnel
from waistats.figures.gosh import gosh
from waistats.figures.influence import influence
from waistats.figures.items import items
from waistats.figures.length import length
from waistats.figures.multiverse import multiverse
from waistats.figures.prisma import prisma
from waistats.figures.qq import qq
from waistats.figures.radial import radial
from waistats.figures.refits import cumulative, leave_one_out
from waistats.figures.shrinkage import shrinkage
from waistats.figures.traffic_light import traffic_light

__all__ = [
    "alt_text",
    "baujat",
    "box",
    "bubble",
    "caterpillar",
    "cells",
    "cumulative",
    "flow",
    "forest",
    "funnel",
    "gosh",
    "influence",
    "items",
    "leave_one_out",
    "length",
    "multiverse",
    "prisma",
    "qq",
    "radial",
    "render",
    "save",
    "shrinkage",
    "traffic_light",
]


for _name in __all__:
    globals()[_name] = public(globals()[_name], __name__)


def __dir__() -> list[str]:
    return list(__all__)
