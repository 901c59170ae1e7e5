"""What Lambda passes to a handler next to the event."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Context:
    """The parts of Lambda's context that the handlers use. ``seconds`` is the time left."""

    seconds: float = 60
    aws_request_id: str = "c3a1f2d4"
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:ingest"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)
