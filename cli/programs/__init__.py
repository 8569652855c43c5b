"""Where the console scripts enter: each program is loaded without a search for garbage.

Loading makes some hundred thousand objects that all stay. Looking through them again and again
takes a sixth of a program's start, and would take its part of every later search.
"""

import gc
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Program:
    """A program by its module, whose `main` it runs."""

    module: str

    def __call__(self) -> None:
        """Load it and run it."""
        gc.disable()
        try:
            main = import_module(self.module).main
        finally:
            gc.freeze()
            gc.enable()
        main()


saga = Program("cli.main")
temporal_saga = Program("cli.operate.app")
api = Program("console.__main__")
codec_server = Program("infrastructure.codec_server.__main__")
discovery = Program("services.envoy_discovery")
encrypt_users = Program("services.user.encrypt_existing")
gateway_config = Program("infrastructure.envoy.__main__")
healthcheck = Program("infrastructure.http.healthcheck_command")
migrate = Program("services.migrate")
relay = Program("relay.__main__")
sandbox = Program("sandbox.__main__")
search_attributes = Program("local_stack.temporal.search_attributes")
service_inventory = Program("services.inventory.__main__")
service_order = Program("services.order.__main__")
service_payment = Program("services.payment.__main__")
service_user = Program("services.user.__main__")
webhooks = Program("workers.webhooks")
worker = Program("workers.__main__")
