"""The `embed` command: features of images, by the job of `score`."""
