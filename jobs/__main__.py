"""`python -m jobs`: the `shardscore` command where nothing is installed but the dependencies."""

from jobs.entry import main

main()
