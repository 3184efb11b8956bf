"""A local run to look at and to change: what a person can do with it, as pages and commands.

`desk` is all that can be done, without any page; `commands` the same on the command line.
"""
