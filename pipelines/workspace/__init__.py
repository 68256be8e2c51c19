"""The workspace and what every room needs: errors, progress, files, locks, settings, records, `asl.toml` and status."""
