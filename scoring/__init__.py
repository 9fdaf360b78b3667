"""What is done to data: find images, decode, score, write, submit. No Ray; Keras only when a model is built."""

__version__ = "0.2.0"  # the only place: pyproject.toml reads it here, and a job's shipped folder has no other
