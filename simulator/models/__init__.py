"""The one door to chat models: of what stands behind it, the program sees these names and its own errors."""

from simulator.models.chat import ChatModel, Lane, Message, Typed, YesNo
from simulator.models.opening import open_model

__all__ = ["ChatModel", "Lane", "Message", "Typed", "YesNo", "open_model"]
