"""What can stop a local run; each message says what to change."""


class LocalRunError(Exception):
    """The local run cannot go on."""


class EmulatorError(LocalRunError):
    """The emulator did not start, or ended by itself."""


class DeployError(LocalRunError):
    """A registered resource cannot be created on the emulator."""
