"""Numbers as people write them, with a point or a comma before the decimals."""

import re
from decimal import Decimal

_LONGEST = 40
# As much as is ever meant: an exponent without bound would make a number that cannot be written out.
_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d{1,2})?", re.ASCII)


def number_in(text: str) -> Decimal | None:
    """The number; None if it is none."""
    text = text.strip().replace("\N{MINUS SIGN}", "-")
    if len(text) > _LONGEST or not _NUMBER.fullmatch(text):
        return None
    return Decimal(text.replace(",", "."))
