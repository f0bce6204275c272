"""The backtest as a job: what is asked (`job`), what it works on (`prepare`), how it is worked off
(`service`), what comes out.

The command and the function differ in their shells only. Nothing is imported here: see the modules.
"""
