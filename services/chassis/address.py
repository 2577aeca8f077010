"""Addresses: at which this machine reaches what listens, and whether others can reach it there, too."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def address_of(host: str, port: int) -> str:
    """As `http://127.0.0.1:8000`; whoever listens everywhere is reached on the loopback too."""
    try:
        place = ip_address(host)
    except ValueError:  # a name
        return f"http://{host}:{port}"
    if place.is_unspecified:
        place = ip_address("127.0.0.1" if place.version == 4 else "::1")
    return f"http://[{place}]:{port}" if place.version == 6 else f"http://{place}:{port}"


def is_of_this_machine(url: str) -> bool:
    """Whether nobody but this machine gets anywhere by `url`."""
    name = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return ip_address(name).is_loopback
    except ValueError:  # a name
        return name == "localhost" or name.endswith(".localhost")
