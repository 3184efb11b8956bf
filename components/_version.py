"""Version of the package, for Pulumi and for pip."""

VERSION = "0.1.0"
