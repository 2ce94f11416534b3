"""`python -m digits`, which is what torchrun starts."""

from digits.cli import main

main()
