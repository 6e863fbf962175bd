"""Ways of virtualizing the memory-management unit that models are made of."""
