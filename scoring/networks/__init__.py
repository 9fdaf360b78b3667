"""What `model` and `engine` name: networks, their weights, and what runs them."""
