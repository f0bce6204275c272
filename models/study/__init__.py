"""The research bench: an experiment declared in a file, run through the path that live takes, and
written down as one page.
"""

from models.study.declared import BadStudy, DataSet, Study, Variant, parse
from models.study.experiment import StudyPorts, run
from models.study.result import StudyResult
from models.study.write import files, markdown

__all__ = [
    "BadStudy",
    "DataSet",
    "Study",
    "StudyPorts",
    "StudyResult",
    "Variant",
    "files",
    "markdown",
    "parse",
    "run",
]
