"""The result of a replay for people and programs: one HTML page that needs no network, JSON, CSV
and Parquet.
"""

from shared.results.report.write import html, report_files

__all__ = ["html", "report_files"]
