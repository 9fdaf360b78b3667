"""Models that lie on hubs: a name such as `hf://owner/name` becomes a `.keras` file of this machine."""
