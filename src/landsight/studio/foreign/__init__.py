"""Somebody else's classifier becomes a bundle: ``bring.bring_in``. Needs onnx (or, for TFLite, OpenVINO), never torch.

Nothing is guessed from names: what a graph says is read from it, what it cannot say must be given, and an error asks for it.
"""
