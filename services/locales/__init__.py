"""What the product says to its readers: message templates and their catalogs."""
