"""A model outside this workspace: export, the web page, pruning, and the latency profile."""
