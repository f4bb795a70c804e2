"""Faults under load, and an oracle that says whether a promise was broken: what `tools/chaos` runs.

`session` leads: it starts a `system`, and in each cycle puts a `load` on it, strikes with one of the `faults` and asks the `oracle`.
"""
