"""The settings of an experiment: network, optimizer, schedule, regularizer, data and seed."""
