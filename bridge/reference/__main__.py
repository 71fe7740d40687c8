"""`python -m bridge.reference`."""

from bridge.reference import main

main()
