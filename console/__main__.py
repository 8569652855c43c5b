"""`saga-api`: serves the REST front end, and the console beside it."""

from api.__main__ import run_api
from console.dependencies import with_console
from console.mount import install
from console.settings import from_environment
from infrastructure.temporal.program import run_and_end


def main() -> None:
    """Entry point."""
    run_and_end(lambda: run_api(lambda opening: with_console(opening, from_environment()), install))


if __name__ == "__main__":
    main()
