"""The research bench: an experiment declared in a file, run through the path that live takes, and written down as one page."""

from models.bench.declared import BadStudy, DataSet, Study, Variant, parse
from models.bench.experiment import Place, run
from models.bench.result import Result
from models.bench.write import files, markdown

__all__ = ["BadStudy", "DataSet", "Place", "Result", "Study", "Variant", "files", "markdown", "parse", "run"]
