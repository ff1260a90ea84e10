"""`python -m hammerstone`."""

from hammerstone.cli import main

main()
