"""The ground floor: errors, progress, files, locks, settings, records, `asl.toml` and the status of a workspace."""
