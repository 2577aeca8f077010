"""How the web reaches the onboarding service."""
