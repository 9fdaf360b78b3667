"""Texts that count how often they are compared, for tests of work that grows with their number and not its square."""


class Compared(str):
    """A text that counts comparisons with it."""

    __slots__ = ()
    times = 0

    def __eq__(self, other: object) -> bool:
        """Whether both are the same."""
        Compared.times += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__
