"""From aligned clips to a built graph: G, weights, the graph's folder, explanations. `units` holds what is learned of signs."""
