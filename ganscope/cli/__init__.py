"""The door: one file per verb."""
