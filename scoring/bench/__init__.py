"""The parts of a job measured alone, and what follows from them."""
