"""The handover service: what a customer was promised is written down, checked and handed over."""
