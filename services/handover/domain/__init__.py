"""What handover's concepts are; it knows neither the web nor a client of it."""
