"""A trace, shown: on a terminal, in a notebook, to a spreadsheet or to another program."""

from ganscope.views.options import ViewOptions
from ganscope.views.present import TablePresenter, to_text
from ganscope.views.registry import names, render, view

__all__ = ["TablePresenter", "ViewOptions", "names", "render", "to_text", "view"]
