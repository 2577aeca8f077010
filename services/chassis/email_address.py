"""What counts as an e-mail address, everywhere the same."""

from email_validator import EmailNotValidError, validate_email


def email_address(text: str) -> str | None:
    """The address as it is written down (domain in lower case), or None if it is none.

    Nothing is looked up. Addresses under `.example` and `.test` are accepted, so that a trial
    needs no real people.
    """
    try:
        # What is called the test environment only lets `.test` through.
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        return None
