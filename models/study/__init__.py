"""The research bench: an experiment declared in a file, run through the path that live takes, and
written down as one page.
"""

from models.study.declared import BadStudy, DataSet, Study, Variant, parse_study
from models.study.experiment import StudyPorts, run
from models.study.result import StudyResult
from models.study.write import markdown, study_files

__all__ = [
    "BadStudy",
    "DataSet",
    "Study",
    "StudyPorts",
    "StudyResult",
    "Variant",
    "markdown",
    "parse_study",
    "run",
    "study_files",
]
