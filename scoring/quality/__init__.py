"""How good probabilities are: evaluation against the truth, and intervals."""
