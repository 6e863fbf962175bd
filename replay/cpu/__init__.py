"""Ways of virtualizing the CPU that models are made of."""
