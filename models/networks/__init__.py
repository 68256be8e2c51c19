"""What learns: encoders, heads, the quantiser, probes, and smaller copies of them."""
