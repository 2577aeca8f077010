"""Currencies and how small their change is, after ISO 4217."""

from decimal import ROUND_HALF_UP, Decimal

# The active codes. CLDR is no source for this: it keeps withdrawn currencies, and counts the
# decimals in daily use (none for RSD or ALL), which would cut off what an invoice says.
_CODES_BY_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD "
        "CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP "
        "GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD "
        "LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB "
        "PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC "
        "SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW "
        "ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
}
DECIMALS = {code: count for count, codes in _CODES_BY_DECIMALS.items() for code in codes.split()}


def is_currency(code: str) -> bool:
    """Whether this is the code of a currency in use, as `NOK`."""
    return code in DECIMALS


def in_smallest_unit(amount: Decimal, currency: str) -> Decimal:
    """The amount with as many decimals as the currency has, rounded half up."""
    return amount.quantize(Decimal(1).scaleb(-DECIMALS[currency]), ROUND_HALF_UP)
