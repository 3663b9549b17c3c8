"""What a training step means: conclusions from the facts of a trace, without a word of English.

It needs neither torch nor anything that draws; views say what it concludes.
"""
