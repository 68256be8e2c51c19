"""`python -m asl` is `asl`."""

from asl.cli.main import main

main()
