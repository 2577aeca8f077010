"""Countries by their ISO 3166-1 code, as Unicode's locale data know them."""

from functools import cache

from babel import Locale
from babel.core import get_global

from services.chassis.errors import Unfit


@cache
def _codes() -> frozenset[str]:
    named = map(str, Locale("en").territories)
    return frozenset(code for code in named if len(code) == 2 and code.isalpha()) - _NONE


# Groups, reserved and unknown regions, which Unicode lists beside the countries.
_NONE = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"})


def known_country(code: str) -> str:
    """The code itself; raises `Unfit` when no country has it."""
    if code not in _codes():
        raise Unfit("This is not a country code of ISO 3166-1, such as NO.")
    return code


def country_of(time_zone: str) -> str | None:
    """The country in which an IANA time zone lies; None for one that lies in none, such as UTC."""
    code = get_global("zone_territories").get(time_zone)
    return code if isinstance(code, str) and code in _codes() else None
