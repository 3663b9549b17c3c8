"""Figures over the steps of a recording: their names, a chart in the terminal, a picture."""
