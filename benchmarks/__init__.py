"""What `make bench` runs: how fast the product is, beside the limits of what it stands on."""
