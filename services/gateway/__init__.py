"""The gateway: who may come in, where to go, and what went by."""
