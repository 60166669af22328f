from .models import wisdom_backends

__all__ = ["wisdom_backends"]
