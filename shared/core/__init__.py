"""What every room speaks: types, money, times, settings, reasons, errors, logs.

It knows no room.
"""
