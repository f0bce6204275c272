"""Paper trading in real time: a supervisor that schedules ticks, keeps the tick's process alive,
and has a model trained.
"""
