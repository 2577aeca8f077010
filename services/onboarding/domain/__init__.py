"""What onboarding's concepts are; it knows neither the web nor a client of it."""
