"""How the web reaches the gateway service."""
