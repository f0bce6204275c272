"""What the launcher needs before any package is there, with nothing but the standard library: the
folders of installed packages, who uses one, and the system's one library.
"""
