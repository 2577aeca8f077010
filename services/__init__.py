"""Stafett: what was promised is handed over, and people are able to keep it."""
