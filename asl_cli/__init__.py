"""The front door of asl: parse, call one function of pipelines, show. No mathematics."""
