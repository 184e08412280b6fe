"""What is wrong with a schedule, in three parts: where, what, and what would be right."""


class ScheduleError(ValueError):
    """A schedule cannot be built from what was given.

    ``field`` names the parameter (or ``"schedule"`` for the whole), ``problem`` says what was wrong with it,
    ``remedy`` says what would be right; ``str(error)`` is one sentence made of the three. ``code`` is the stable
    code under which the linter reports it.
    """

    def __init__(self, field: str, problem: str, remedy: str, code: str = "invalid-parameter") -> None:
        super().__init__(f"{field}: {problem}; {remedy}")
        self.field = field
        self.problem = problem
        self.remedy = remedy
        self.code = code

    def __reduce__(self) -> tuple[type["ScheduleError"], tuple[str, str, str, str]]:
        """Pickle by the parts, so that the error survives a process boundary."""
        return type(self), (self.field, self.problem, self.remedy, self.code)
