"""Declarative filters: a list in YAML -> one polars query, and how many tasks each predicate removed.

::

    all:
      - stage: [Annotate 1]
      - tags: {any: [batch 7, batch 8], none: [broken]}
      - object_class: [dog, No class]
      - not: {text: {column: title, matches: "^test_"}}
      - any:
          - untagged: true
          - metric: {name: image_diversity, min: 1, max: 2000}
      - bottom: {metric: image_diversity, n: 500}

Rules that hold everywhere:

* A missing value (null or NaN) never passes a range, a text, `bottom` or `top`. `not` keeps exactly what the
  predicate in it does not keep, and so it does keep missing values.
* Bounds are inclusive.
* `bottom` and `top` keep exactly n tasks (fewer only if fewer have the value); ties go to the lower row. They
  count among the tasks that pass every predicate without a `bottom` or `top` in the `all` lists around them.
* `No class` is a question about the label, not about the workflow: the label holds no class, or there is no
  label. For what still needs labelling there is `label_state: unlabelled`.
"""

from alrun.filters.apply import Filter, Filtered, Removed
from alrun.filters.parse import Fault, FilterError, parse

__all__ = ["Fault", "Filter", "FilterError", "Filtered", "Removed", "parse"]
