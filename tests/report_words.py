"""What tests of reports read: numbers and texts as they are shown."""

from waistats._format import coefficient


def two(value):
    return coefficient(value, 2)


def text_of(element):
    return " ".join(element.text_content().split())
