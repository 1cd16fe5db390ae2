import pytest

pytest.register_assert_rewrite("alrun.platform.testing")
