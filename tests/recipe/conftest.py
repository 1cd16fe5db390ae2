import pytest

pytest.register_assert_rewrite("alrun.recipe.testing")
