"""Where work runs: Ray sessions, resources and the pool of workers. Knows nothing of images or models."""
