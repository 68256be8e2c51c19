"""Models outside the workspace: export, the web page, pruning, and the latency profile."""
