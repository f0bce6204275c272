"""What every page is made of: one template with its style and theme, cells, axes and plots.

Who draws a page brings a template that extends `base.html.j2`, and what it says as texts.
"""
