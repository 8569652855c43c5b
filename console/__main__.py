"""`saga-api`: serves the REST front end, and the console beside it."""

from api.__main__ import EventPlace, run_api
from api.app import Opening
from console.dependencies import with_console
from console.mount import install
from console.settings import from_environment
from infrastructure.temporal.program import run_and_end


def main() -> None:
    """Entry point."""

    def extend(opening: Opening) -> Opening:
        return with_console(opening, from_environment(), EventPlace().event_database_url)

    run_and_end(lambda: run_api(extend, install))


if __name__ == "__main__":
    main()
