"""Numbers: landmark geometry, features, encoders, losses. No files, no terminal."""
