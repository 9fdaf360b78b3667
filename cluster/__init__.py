"""Where work runs: Ray sessions, resources and the pool of workers. Knows nothing of images or models."""

import logging

# In a notebook, importing Ray advises to install ipywidgets for tables of its own, which nobody gets to see here.
logging.getLogger("ray.widgets.util").setLevel(logging.WARNING)
