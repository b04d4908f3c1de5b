"""The one door to chat models: of what stands behind it, the program sees these names and its own errors."""

from simulator.models.chat import ChatModel, Lane, Typed, YesNo
from simulator.models.opening import open_model
from simulator.prompts import Message

__all__ = ["ChatModel", "Lane", "Message", "Typed", "YesNo", "open_model"]
