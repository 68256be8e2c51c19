"""From aligned clips to the built graph: G, weights, the folder on disk, and explanations. What it learns of signs: `units`."""
