"""`python -m rampline` is the command `rampline`."""

from rampline.cli import main

main()
