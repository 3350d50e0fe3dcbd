"""What is run: network, optimizer, schedule, regularizer, data and seed, as one frozen value."""
