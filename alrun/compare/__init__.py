"""Which strategy is better, and how sure that is: statistics over the tables of sweeps."""
