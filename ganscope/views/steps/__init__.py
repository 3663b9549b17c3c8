"""One training step, read out of a trace: who was run on what, which losses, whose gradients."""
