"""The command line: each command parses its options, calls one function of pipelines, and shows the result."""
