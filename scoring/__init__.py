"""What is done to data: find images, decode, score, write, submit. No Ray; Keras only when a model is built."""
