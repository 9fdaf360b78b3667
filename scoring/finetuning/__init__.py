"""Fine-tune on labelled photos: features once, heads on them, calibration, and the model folder."""
