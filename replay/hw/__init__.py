"""Hardware structures that models are made of."""
