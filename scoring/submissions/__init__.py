"""The CSV that a competition takes."""
