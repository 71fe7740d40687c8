"""A charge controller that dies, freezes, restarts and lies, and what a bridge makes of it."""
