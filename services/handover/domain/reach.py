"""One spelling for what a customer is reached and told apart by, so that any spelling finds it again.

Telephone numbers as E.164 (`phonenumbers`), e-mail addresses in lower case, registration numbers without what
countries write around them.
"""

import re
from collections.abc import Sequence

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from services.chassis.errors import FieldError, Invalid

# What countries write before the number itself: `CVR-nr.`, `Org.nr.`, `VAT no.`, and their code.
_LABEL = re.compile(
    r"^(CVR|ORGANISATIONSNUMMER|ORGANISASJONSNUMMER|ORG|VAT)(NUMMER|NUMBER|NR|NO(?=[0-9])|ID)?"
)
_COUNTRY = re.compile(r"^[A-Z]{2}(?=[0-9]{8})")
# Sweden's VAT number is the organisationsnummer with 01 after it.
_SWEDISH_VAT = re.compile(r"^SE([0-9]{10})01$")
_LINES = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)


def phone_number(text: str, country: str | None) -> str | None:
    """The number as E.164, or None if it is none; `country` (ISO 3166-1) is for numbers without a country code.

    A number counts if it is assigned, or as long as the lines of its country are: ranges are opened faster than any table
    of them is renewed. An extension is left out.
    """
    written = text.strip()
    # The prefix that the ITU recommends; without a country nobody would know it for one.
    international = f"+{written[2:]}" if written.startswith("00") else written
    try:
        number = phonenumbers.parse(international, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) and not any(
        phonenumbers.is_possible_number_for_type(number, line) for line in _LINES
    ):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def require_phone(
    text: str | None, country: str | None, pointer: str, where: str = "body"
) -> str | None:
    """The number as E.164; raises `Invalid` at `pointer` if it is none."""
    return require_phones([text], country, [pointer], where)[0] if text else None


def require_phones(
    texts: Sequence[str], country: str | None, pointers: Sequence[str], where: str = "body"
) -> list[str]:
    """The numbers as E.164, each once; raises `Invalid` at the pointers of those that are none."""
    numbers = [phone_number(text, country) for text in texts]
    wrong = [pointer for pointer, number in zip(pointers, numbers, strict=True) if number is None]
    if wrong:
        raise Invalid(
            "This is not a telephone number.",
            errors=[
                FieldError(
                    pointer,
                    "Write it with its country code, such as +47 22 12 34 56.",
                    where=where,
                )
                for pointer in wrong
            ],
        )
    return list(dict.fromkeys(number for number in numbers if number is not None))


def email_key(address: str) -> str:
    """The address in one spelling: no provider tells upper from lower case."""
    return address.lower()


def registration_key(text: str) -> str | None:
    """The number alone: `NO 923 609 016 MVA`, `923609016` and `Org.nr. 923 609 016` are one; None without any digit."""
    plain = _LABEL.sub("", re.sub(r"[^0-9A-Z]", "", text.upper()))
    if swedish := _SWEDISH_VAT.match(plain):
        return swedish[1]
    plain = _COUNTRY.sub("", plain).removesuffix("MVA")
    return plain if re.search(r"[0-9]", plain) else None
