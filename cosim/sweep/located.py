"""What is wrong with a part of a sweep file, said at the key that is wrong and not at the part as a whole."""

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from cosim.scenario.source import Location


def located(*found: tuple[Location, str]) -> ValidationError:
    """The error for a validator to raise: messages, each with its place below what is validated."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError("value_error", "{message}", {"message": message}), loc=place, input=None
        )
        for place, message in found
    ]
    return ValidationError.from_exception_data("sweep", details)
