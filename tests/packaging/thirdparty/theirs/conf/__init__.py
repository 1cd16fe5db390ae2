"""The YAML files, as Hydra's `pkg://` wants them: in a package."""
