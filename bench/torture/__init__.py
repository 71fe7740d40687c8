"""The torture of a bridge: what is done to it (scenarios), and what became of its promises."""
