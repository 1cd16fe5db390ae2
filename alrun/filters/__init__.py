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

The predicates:

==============  ====================================================================================
`stage`         a list of titles
`tags`          `any`, `all` or `none` of a list
`untagged`      true or false
`object_class`  a list of classes or options; `No class`
`label_state`   labelled or unlabelled
`text`          the title or the assignee `contains` a text or `matches` a pattern
`assignee`      a list of e-mail addresses
`unassigned`    true or false
`priority`      `min`, `max`, each 0..1
`edited`        labels last saved `since` a moment (included), `before` another (not included)
`metadata`      client metadata: `name`, and `any` of a list of texts, or `min`, `max`
`metric`        `name`, `min`, `max`
`missing`       a metric that has no value
`quantile`      `metric`, and `min`, `max` as shares: `max: 0.1` is the lowest tenth
`bottom`        `metric`, `n`: exactly n tasks
`top`           `metric`, `n`: exactly n tasks
`one_of_each`   a metric: one task for each of its values, and all without one; see `duplicate_group`
`predicted`     the model's most probable class: `any` of a list, its probability `min`, `max`
`selected_in`   a list of run folders, as patterns: one of these runs selected the image
`label_known`   true or false: the dataset knows the label, so that `annotator=oracle` can give it
==============  ====================================================================================

Rules that hold everywhere:

* A missing value (null or NaN) never passes a range, a text, a list, `quantile`, `bottom` or `top`. `not` keeps
  exactly what the predicate in it does not keep, and so it does keep missing values.
* Bounds are inclusive.
* `bottom` and `top` keep exactly n tasks (fewer only if fewer have the value); ties go to the lower row.
* `quantile`, `bottom`, `top` and `one_of_each` compare tasks with each other: among those that pass every
  predicate without one of these four in the `all` lists around them.
* `No class` is a question about the label, not about the workflow: the label holds no class, or there is no
  label. For what still needs labelling there is `label_state: unlabelled`.
"""

from alrun.filters.apply import Filter, Filtered, Removed
from alrun.filters.parse import Fault, FilterError, parse

__all__ = ["Fault", "Filter", "FilterError", "Filtered", "Removed", "parse"]
