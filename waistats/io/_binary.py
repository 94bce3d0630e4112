"""How far the cells of a binary Excel sheet (.xlsb) go, before anything is built of it.

A reader that makes room for all cells between the first and the last takes what a
damaged file claims: one cell in the last row and column would be 17 billion.
"""

from typing import Final

_ROW: Final = 0
# cells with a value, of [MS-XLSB] 2.3.2; 1 is a blank one, 62 a text with formats
_FILLED: Final = frozenset((*range(2, 12), 62))
_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384


def extent(content: bytes) -> tuple[int, int]:
    """Return the rows and columns up to the last filled cell.

    Raises
    ------
    ValueError
        Where the bytes are no whole records, or a cell is where no sheet has one.
    """
    at, end = 0, len(content)
    row = rows = columns = 0
    while at < end:
        kind, size = content[at], 0
        at += 1
        if kind & 0x80:
            kind = kind & 0x7F | (_byte(content, at) & 0x7F) << 7
            at += 1
        for shift in (0, 7, 14, 21):
            part = _byte(content, at)
            at += 1
            size |= (part & 0x7F) << shift
            if not part & 0x80:
                break
        if at + size > end:
            raise ValueError("a record is cut off")
        if kind == _ROW:
            row = int.from_bytes(content[at : at + 4], "little")
        elif kind in _FILLED:
            column = int.from_bytes(content[at : at + 4], "little")
            if row >= _MOST_ROWS or column >= _MOST_COLUMNS:
                raise ValueError("a cell is outside of any sheet")
            rows, columns = max(rows, row + 1), max(columns, column + 1)
        at += size
    return rows, columns


def _byte(content: bytes, at: int) -> int:
    if at >= len(content):
        raise ValueError("a record is cut off")
    return content[at]
