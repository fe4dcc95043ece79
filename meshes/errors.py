"""The one exception that is the user's to mend."""


class MudotError(ValueError):
    """Input that cannot be used: one line that names the place, what was expected, and the remedy.

    The command line prints it on standard error and exits with status 2.
    """
