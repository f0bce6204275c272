"""What people read: the console, and results, holdings and events in words; `report/` is a run as
one page.
"""
