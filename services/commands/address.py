"""The address at which this machine reaches what listens."""

from ipaddress import ip_address


def address_of(host: str, port: int) -> str:
    """As `http://127.0.0.1:8000`; whoever listens everywhere is reached on the loopback too."""
    try:
        place = ip_address(host)
    except ValueError:  # a name
        return f"http://{host}:{port}"
    if place.is_unspecified:
        place = ip_address("127.0.0.1" if place.version == 4 else "::1")
    return f"http://[{place}]:{port}" if place.version == 6 else f"http://{place}:{port}"
