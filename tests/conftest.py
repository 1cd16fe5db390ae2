"""The shipped contracts explain their failures as tests do."""

import pytest

for part in ("datasets", "embeddings", "metrics", "models", "platform", "recipe", "strategies"):
    pytest.register_assert_rewrite(f"alrun.{part}.testing")
