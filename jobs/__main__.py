"""`python -m jobs`: the `shardscore` command where nothing is installed but the dependencies."""

from jobs.cli import main

main()
