"""How the schemas came to be: a folder of revisions a service (see README.md)."""
