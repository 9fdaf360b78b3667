"""Keep PyArrow from importing pandas, which workers do not use."""

import pyarrow as pa

from scoring.process.hidden_packages import hidden


def keep_pandas_from_pyarrow() -> None:
    """Have PyArrow look for pandas now, in vain.

    Else it would import pandas with the first array made of Python objects: 0.2 to 0.4 s and 30 MB (2 cores of an
    EPYC), in the middle of a job. Conversions to and from pandas still import it when they are called.
    """
    with hidden("pandas"):
        pa.array([])
