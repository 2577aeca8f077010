import io
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from services.chassis.csv_cell import DateFormat
from services.chassis.csv_table import CsvTable, read_csv
from services.chassis.currency import DECIMALS, in_smallest_unit
from services.chassis.errors import Invalid
from services.chassis.file_problem import FileError, file_problem
from services.handover.domain.deal_file import Deal, DealRow, ForAll
from services.handover.domain.deals_of_csv import DealColumns, mapped_deals
from services.handover.domain.deals_of_salesforce import (
    SALESFORCE_DELETED,
    salesforce_accounts,
    salesforce_deals,
    salesforce_id,
)

OPPORTUNITY = "006Nq00000BGi8PIAT"
ACCOUNT = "001Nq00000J1MwVIAV"
OWNER = "005Nq00000AU6ztIAD"
ACCOUNTS = f"Id,IsDeleted,Name\n{ACCOUNT},,Fjordtind  AS\n001Nq00000J1MwiIAF,,\n"
HEADER = (
    "Id,IsDeleted,AccountId,Name,Description,StageName,Amount,CloseDate,IsClosed,IsWon,OwnerId,"
    "CreatedDate"
)


def opportunities(*rows: dict[str, str]) -> CsvTable:
    """A Salesforce export with these cells changed from a deal that is won."""
    usual = {
        "Id": OPPORTUNITY,
        "AccountId": ACCOUNT,
        "Name": "Ticket office",
        "Description": "Two desks",
        "StageName": "Closed Won",
        "Amount": "35000",
        "CloseDate": "2024-07-29",
        "IsClosed": "1",
        "IsWon": "1",
        "OwnerId": OWNER,
        "CreatedDate": "2024-07-11T21:22:07.000+0000",
    }
    columns = HEADER.split(",") + sorted({name for row in rows for name in row} - set(usual))
    columns = list(dict.fromkeys(columns))
    lines = [[({**usual, **row}).get(name, "") for name in columns] for row in rows]
    text = "\n".join(",".join(f'"{cell}"' for cell in line) for line in [columns, *lines])
    return read_csv(("\ufeff" + text).encode())


def salesforce(table: CsvTable, accounts: str | None, currency: str | None) -> list[DealRow]:
    """The rows of a Salesforce export, with the names of its accounts."""
    file = None if accounts is None else io.BytesIO(accounts.encode())
    names = {} if file is None else salesforce_accounts(file, is_json=False)
    return list(salesforce_deals(table, ForAll(currency, customers=names)))


def the_deal(**cells: str) -> Deal:
    """The deal of the only row, which is sound."""
    (row,) = salesforce(opportunities(cells), ACCOUNTS, "NOK")
    assert row.problems == ()
    assert row.deal is not None
    return row.deal


def the_problem(**cells: str) -> tuple[int | None, str | None, str]:
    """Line, column by name, and message of what is wrong with the only row."""
    table = opportunities(cells)
    (row,) = salesforce(table, ACCOUNTS, "NOK")
    assert row.deal is None
    (problem,) = row.problems
    name = None if problem.column is None else table.header[problem.column - 1]
    return problem.line, name, problem.detail


def test_a_salesforce_opportunity_becomes_a_deal_with_its_customer_named():
    assert the_deal() == Deal(
        source="salesforce",
        external_id=OPPORTUNITY,
        title="Ticket office",
        customer_external_id=ACCOUNT,
        customer_name="Fjordtind AS",
        amount=Decimal("35000.00"),
        currency="NOK",
        stage_raw="Closed Won",
        is_won=True,
        is_closed=True,
        close_date=date(2024, 7, 29),
        created_on=date(2024, 7, 11),
        description="Two desks",
        owner_external_id=OWNER,
        line=2,
    )


@pytest.mark.parametrize(
    ("text", "won"), [("1", True), ("TRUE", True), ("", False), ("0", False), ("false", False)]
)
def test_salesforce_booleans_are_one_or_nothing_or_words(text, won):
    assert the_deal(IsWon=text).is_won is won


def test_a_boolean_that_is_neither_is_a_problem():
    assert the_problem(IsWon="maybe") == (2, "IsWon", "IsWon is maybe, neither true nor false")


def test_a_file_without_the_columns_does_not_know_whether_a_deal_is_won():
    (row,) = salesforce(
        read_csv(f"Id,Name,AccountId\n{OPPORTUNITY},Till,{ACCOUNT}\n"), ACCOUNTS, None
    )
    assert row.deal is not None
    assert (row.deal.is_won, row.deal.amount, row.deal.close_date) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("35000", "35000.00"),
        ("35000.00", "35000.00"),
        ("1.25E4", "12500.00"),
        ("0.005", "0.01"),
        ("0", "0.00"),
    ],
)
def test_salesforce_amounts(text, amount):
    assert str(the_deal(Amount=text).amount) == amount


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("35 000", "Amount is 35 000, which is no amount"),
        ("NaN", "Amount is NaN, which is no amount"),
        ("-5", "Amount is less than nothing"),
        ("1E11", "Amount has more than 11 digits"),
    ],
)
def test_what_is_no_amount_is_a_problem(text, message):
    assert the_problem(Amount=text) == (2, "Amount", message)


def test_no_amount_means_no_currency_either():
    deal = the_deal(Amount="", CurrencyIsoCode="EUR")
    assert (deal.amount, deal.currency) == (None, None)


def test_the_currency_of_the_row_goes_before_the_one_given_for_all():
    table = opportunities({"CurrencyIsoCode": "isk", "Amount": "1250.50"}, {"Id": "x"})
    first, second = salesforce(table, ACCOUNTS, "NOK")
    assert first.deal is not None
    assert second.deal is not None
    assert (first.deal.amount, first.deal.currency) == (Decimal(1251), "ISK")
    assert (second.deal.amount, second.deal.currency) == (Decimal("35000.00"), "NOK")


def test_an_unknown_currency_is_a_problem():
    assert the_problem(CurrencyIsoCode="KRONER") == (
        2,
        "CurrencyIsoCode",
        "KRONER is no ISO 4217 currency code",
    )


def test_an_amount_without_any_currency_is_left_out_and_that_is_told():
    (row,) = salesforce(opportunities({}), ACCOUNTS, None)
    assert row.deal is not None
    assert (row.deal.amount, row.deal.currency) == (None, None)
    assert [remark.detail for remark in row.remarks] == [
        "Amount is left out: it has no currency, and none was given for all"
    ]


def test_a_currency_for_all_that_is_none_is_refused():
    with pytest.raises(Invalid, match="kr is no ISO 4217 currency code"):
        salesforce(opportunities({}), ACCOUNTS, "kr")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-07-29", date(2024, 7, 29)),
        ("2024-07-29T23:30:00.000+0000", date(2024, 7, 29)),
        ("2024-07-29T23:30:00.000-0500", date(2024, 7, 30)),
        ("2024-07-29T23:30:00Z", date(2024, 7, 29)),
        ("", None),
    ],
)
def test_salesforce_dates(text, day):
    assert the_deal(CloseDate=text).close_date == day


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("29.07.2024", "CloseDate is 29.07.2024, not a date as YYYY-MM-DD"),
        ("2024-02-30", "CloseDate is 2024-02-30, a day that does not exist"),
        ("2024-07-29T25:00:00Z", "CloseDate is 2024-07-29T25:00:00Z, which is no time"),
        ("2024-07-29T10:00:00", "CloseDate is 2024-07-29T10:00:00, a time without offset"),
        ("0001-01-01T00:00:00+14:00", "CloseDate is 0001-01-01T00:00:00+14:00, which is no time"),
    ],
)
def test_what_is_no_date_is_a_problem(text, message):
    assert the_problem(CloseDate=text) == (2, "CloseDate", message)


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("", "Name is empty"),
        ("\u200b\u200b\u200b", "Name is empty"),
        ("Till\u202esold", "Name holds characters that turn the direction of the text"),
        ("AB", "Name has 2 characters; a title has 3 to 200"),
        ("x" * 201, "Name has 201 characters; a title has 3 to 200"),
    ],
)
def test_a_title_has_its_limits(title, message):
    assert the_problem(Name=title) == (2, "Name", message)


def test_a_title_is_one_line():
    assert the_deal(Name="Ticket\n office").title == "Ticket office"


def test_a_deal_without_id_is_a_problem():
    assert the_problem(Id="") == (2, "Id", "Id is empty")


def test_an_id_that_no_crm_would_give_is_a_problem():
    assert the_problem(Id="x" * 201) == (2, "Id", "Id has more than 200 characters")


def test_a_description_longer_than_a_handover_holds_is_a_problem():
    assert the_deal(Description="x" * 10_000).description == "x" * 10_000
    assert the_problem(Description="x" * 10_001) == (
        2,
        "Description",
        "Description has more than 10000 characters",
    )


def test_a_deal_of_an_unknown_account_is_a_problem():
    assert the_problem(AccountId="001Nq00000UNKNOWN1") == (
        2,
        "AccountId",
        "No account 001Nq00000UNKNOWN1 with a name, so the customer is not known",
    )


def test_an_account_without_a_name_names_no_customer():
    assert "so the customer is not known" in the_problem(AccountId="001Nq00000J1MwiIAF")[2]


def test_a_deal_without_account_is_a_problem():
    assert the_problem(AccountId="") == (
        2,
        "AccountId",
        "No account, so the customer is not known",
    )


def test_an_account_whose_name_is_too_long_is_a_problem():
    accounts = f"Id,Name\n{ACCOUNT},{'x' * 201}\n"
    (row,) = salesforce(opportunities({}), accounts, "NOK")
    assert [problem.detail for problem in row.problems] == [
        "The account's name has more than 200 characters"
    ]


@pytest.mark.parametrize("column", ["Account.Name", "AccountName", "Account Name"])
def test_the_file_may_name_the_customer_itself(column):
    (row,) = salesforce(opportunities({column: "Nordal AS"}), None, "NOK")
    assert row.deal is not None
    assert (row.deal.customer_name, row.deal.customer_external_id) == ("Nordal AS", ACCOUNT)


def test_an_id_of_15_characters_is_the_same_as_its_18():
    assert salesforce_id(OPPORTUNITY[:15]) == OPPORTUNITY
    assert salesforce_id("deal-1") == "deal-1"
    assert the_deal(Id=OPPORTUNITY[:15], AccountId=ACCOUNT[:15]) == the_deal()


def test_a_deal_deleted_in_salesforce_is_left_out_and_says_so():
    table = opportunities({"IsDeleted": "1", "Name": ""}, {})
    deleted, kept = salesforce(table, ACCOUNTS, "NOK")
    said = file_problem(2, None, SALESFORCE_DELETED)
    assert deleted == DealRow(2, OPPORTUNITY, left_out=said)
    assert kept.deal is not None


def test_a_deal_that_stands_twice_is_a_duplicate_the_second_time():
    table = opportunities({}, {"Id": "other"}, {"Name": "", "Amount": "7"})
    first, other, again = salesforce(table, ACCOUNTS, "NOK")
    assert first.deal is not None
    assert other.deal is not None
    assert again == DealRow(4, OPPORTUNITY, duplicate_of=2)


def test_a_row_that_is_no_row_keeps_its_problem():
    table = read_csv(f"Id,Name,AccountId\n{OPPORTUNITY},=1+1,{ACCOUNT}\nonly\n")
    formula, ragged = salesforce(table, ACCOUNTS, None)
    assert [(problem.line, problem.column) for problem in formula.problems] == [(2, 2)]
    assert [(problem.line, problem.column) for problem in ragged.problems] == [(3, 2)]


def test_a_row_tells_everything_that_is_wrong_at_once():
    (row,) = salesforce(
        opportunities({"Name": "", "Amount": "much", "CloseDate": "soon"}), ACCOUNTS, "NOK"
    )
    assert [problem.params["name"] for problem in row.problems] == ["Amount", "Name", "CloseDate"]


def test_files_without_their_columns_are_refused():
    with pytest.raises(FileError):
        salesforce(read_csv("Name,Stage\nTill,Won\n"), None, None)
    with pytest.raises(FileError):
        salesforce(opportunities({}), "Id,Title\n1,2\n", None)


ANY = """\
Nr;Emne;Kunde;Beløp;Valuta;Status;Dato;Ansvarlig
1;Kassesystem;Havbris AS;1 234,50;NOK;Vunnet;2024-07-29;kari
2;Sporbarhet;Havbris AS;;;Tapt;;ola
"""
COLUMNS = DealColumns(
    external_id="Nr",
    title="Emne",
    customer_name="kunde",
    amount="Beløp",
    currency="Valuta",
    stage_raw="Status",
    is_won="Status",
    close_date="Dato",
    owner_external_id="Ansvarlig",
)


def test_any_csv_becomes_deals_by_a_map_of_its_columns():
    won, lost = mapped_deals(read_csv(ANY), COLUMNS, ForAll(), decimal_mark=",")
    assert won.deal == Deal(
        source="csv",
        external_id="1",
        title="Kassesystem",
        customer_external_id=None,
        customer_name="Havbris AS",
        amount=Decimal("1234.50"),
        currency="NOK",
        stage_raw="Vunnet",
        is_won=True,
        is_closed=True,
        close_date=date(2024, 7, 29),
        created_on=None,
        description=None,
        owner_external_id="kari",
        line=2,
    )
    assert lost.deal is not None
    assert (lost.deal.is_won, lost.deal.is_closed, lost.deal.amount) == (False, None, None)


def test_what_says_neither_won_nor_not_won_is_refused_where_it_stands():
    rows = mapped_deals(
        read_csv(ANY.replace("Tapt", "kanskje")), COLUMNS, ForAll(), decimal_mark=","
    )
    [problem] = list(rows)[1].problems
    assert (problem.line, problem.column) == (3, 6)
    assert problem.detail == "Status is kanskje, neither won nor not won"


def test_which_values_mean_won_may_be_said():
    _, lost = mapped_deals(read_csv(ANY), COLUMNS, ForAll(), decimal_mark=",", won_values=["TAPT"])
    assert lost.deal is not None
    assert lost.deal.is_won is True


def test_without_a_column_for_it_nobody_knows_whether_a_deal_is_won():
    rows = mapped_deals(read_csv(ANY), replace(COLUMNS, is_won=None), ForAll(), decimal_mark=",")
    assert [row.deal and row.deal.is_won for row in rows] == [None, None]


def test_columns_that_the_file_does_not_have_are_named():
    with pytest.raises(FileError) as refused:
        mapped_deals(read_csv("Nr;Emne\n1;Till\n"), DealColumns("Nr", "Tittel", "Kunde"), ForAll())
    assert [error.detail for error in refused.value.errors] == [
        "Column Tittel, named for title, is not in the file; it has Nr, Emne",
        "Column Kunde, named for customer_name, is not in the file; it has Nr, Emne",
    ]


def mapped(amount: str = "1", day: str = "", **options: object) -> DealRow:
    """The only row of a file with this amount and this day."""
    table = read_csv(f'id|title|customer|amount|day\n1|Till|Nordal|"{amount}"|{day}\n')
    columns = DealColumns("id", "title", "customer", amount="amount", close_date="day")
    (row,) = mapped_deals(table, columns, ForAll("SEK"), **options)
    return row


@pytest.mark.parametrize(
    ("mark", "text", "amount"),
    [
        (".", "1234.5", "1234.50"),
        (".", "1,234.50", "1234.50"),
        (".", "1 234 567", "1234567.00"),
        (".", "1'234.50", "1234.50"),
        (",", "1234,5", "1234.50"),
        (",", "1 234,50", "1234.50"),
        (",", "1.234,50", "1234.50"),
        (",", "1.234.567", "1234567.00"),
        (",", "1\u00a0234,50", "1234.50"),
        (",", "1\u202f234,-", "1234.00"),
    ],
)
def test_amounts_are_read_by_their_decimal_mark(mark, text, amount):
    row = mapped(text, decimal_mark=mark)
    assert row.deal is not None
    assert str(row.deal.amount) == amount


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        (".", "1,50"),
        (".", "1.234,50"),
        (",", "1.50"),
        (",", "1 23"),
        (",", "12.34.567"),
        (".", "kr 5"),
    ],
)
def test_an_amount_in_the_other_notation_is_a_problem_rather_than_another_amount(mark, text):
    (problem,) = mapped(text, decimal_mark=mark).problems
    assert problem.detail == (f"amount is {text}, which is no amount with the decimal mark {mark}")
    assert (problem.line, problem.column) == (2, 4)


@pytest.mark.parametrize(
    ("date_format", "text"),
    [
        (DateFormat.ISO, "2024-07-09"),
        (DateFormat.DAY_FIRST_DOTS, "9.7.2024"),
        (DateFormat.DAY_FIRST_DOTS, "09. 07. 2024"),
        (DateFormat.DAY_FIRST_SLASHES, "09/07/2024"),
        (DateFormat.DAY_FIRST_DASHES, "09-07-2024"),
        (DateFormat.MONTH_FIRST_SLASHES, "07/09/2024"),
        (DateFormat.MONTH_FIRST_SLASHES, "2024-07-09"),
    ],
)
def test_dates_are_read_in_the_format_named_and_always_as_iso(date_format, text):
    row = mapped(day=text, date_format=date_format)
    assert row.deal is not None
    assert row.deal.close_date == date(2024, 7, 9)


def test_a_date_in_a_format_not_named_is_a_problem():
    (problem,) = mapped(day="07/09/2024").problems
    assert problem.detail == "day is 07/09/2024, not a date as YYYY-MM-DD"


def test_a_row_of_a_mapped_file_without_customer_or_id_is_a_problem():
    table = read_csv("id,title,customer\n,Till,Nordal\n2,Till,\nonly\n3,Till,A\n3,Till,B\n")
    rows = list(mapped_deals(table, DealColumns("id", "title", "customer"), ForAll()))
    assert [[problem.detail for problem in row.problems] for row in rows] == [
        ["id is empty"],
        ["customer is empty"],
        ["Too few cells: 1 where the header has 3"],
        [],
        [],
    ]
    assert rows[4].duplicate_of == 5


@pytest.mark.parametrize(
    ("currency", "amount"),
    [("NOK", "2.35"), ("EUR", "2.35"), ("ISK", "2"), ("JPY", "2"), ("KWD", "2.345")],
)
def test_an_amount_has_the_decimals_of_its_currency(currency, amount):
    assert str(in_smallest_unit(Decimal("2.345"), currency)) == amount


def test_currency_codes_are_three_capitals_each_and_withdrawn_ones_are_not_among_them():
    assert all(len(code) == 3 and code.isupper() for code in DECIMALS)
    assert {"NOK", "SEK", "DKK", "ISK", "EUR", "USD"} <= set(DECIMALS)
    assert not {"DEM", "FIM", "HRK", "XXX"} & set(DECIMALS)
