"""Names that people give: what may be in them, and what may not."""

from typing import Annotated

from pydantic import Field

# Neither control characters, which a terminal obeys, nor those that turn the direction of what follows.
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+$"
Name = Annotated[str, Field(min_length=1, max_length=120, pattern=PRINTABLE)]
# Of a team or a user: it stands in the names of experiments and studies, and before or after a slash.
HANDLE = r"^[A-Za-z0-9][A-Za-z0-9._@+-]*$"
HANDLE_HOLDS = "letters and digits of ASCII, and . _ @ + - after the first"
Handle = Annotated[str, Field(min_length=1, max_length=100, pattern=HANDLE, description=HANDLE_HOLDS)]
