"""Keep PyArrow from importing pandas, which we use elsewhere and not here."""

import pyarrow as pa

from scoring.process.hidden_packages import hidden


def keep_pandas_from_pyarrow() -> None:
    """Have PyArrow look for pandas now, in vain.

    It would import it with the first array made of Python objects: 0.2 to 0.4 s and 30 MB (2 cores of an EPYC), in the
    middle of a job. Conversions to and from pandas still import it when they are called for.
    """
    with hidden("pandas"):
        pa.array([])
