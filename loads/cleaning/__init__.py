"""From readings to series that can be integrated: what is odd in recorded samples is handled, and reported."""
