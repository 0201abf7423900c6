"""Errors that name what is wrong with a case and what would be right."""


class GridError(ValueError):
    """A case, or a request about it, that cannot be used.

    Parameters
    ----------
    message : str
        What is wrong, with the value.
    hint : str, optional
        What was expected, or the nearest valid name.
    """

    def __init__(self, message: str, hint: str | None = None):
        self.message = message
        self.hint = hint
        super().__init__(f"{message}; {hint}" if hint else message)
