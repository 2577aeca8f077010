"""How the web reaches the handover service."""
