"""Batch OCR of handwritten digit fields on scanned forms."""

__version__ = "0.1.0"
