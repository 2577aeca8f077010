"""The demo company: its content as data files, and what sends them through the API."""
