"""Where work runs: Ray sessions, resources and the pool of workers. Knows nothing of images or models."""

import logging
import warnings

# In a notebook, importing Ray advises to install ipywidgets for tables and bars of its own, which nobody gets to see:
# Ray itself, and tqdm, which it imports where it is installed.
logging.getLogger("ray.widgets.util").setLevel(logging.WARNING)
warnings.filterwarnings("ignore", "IProgress not found", module="tqdm")
