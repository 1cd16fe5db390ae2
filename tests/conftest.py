"""The shipped contracts explain their failures as tests do, and no test fails because a machine is busy."""

import pytest
from hypothesis import settings

for part in ("datasets", "embeddings", "metrics", "models", "platform", "recipe", "strategies"):
    pytest.register_assert_rewrite(f"alrun.{part}.testing")

settings.register_profile("untimed", settings.default, deadline=None)  # of hypothesis' own, for CI or for a desk
settings.load_profile("untimed")
