"""What `--model` names: which network, which pixels, which labels."""
