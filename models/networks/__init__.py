"""Networks: encoders, heads, the quantiser, probes, and pruned copies."""
