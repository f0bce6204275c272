"""What commands that learn, replay and compare share: a quick training, declared studies, and
whether the answer can be written at all.
"""
