"""The sentences behind ``--explain``, by type of layer."""
