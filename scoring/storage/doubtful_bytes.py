"""Content that may not be that of the file that was asked for."""


class DoubtfulBytes(bytes):
    """A file's content as it was received: what cannot be decoded of it may be readable at another time.

    Attributes:
        doubt: Why.
    """

    doubt: str
