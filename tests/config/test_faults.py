"""Every fault of a command line is found at once, with its place, its origin, what is allowed and the nearest match."""

from __future__ import annotations

from pathlib import Path

import pytest

from alrun.config.overrides import Fault
from tests.config.command import COMMAND_LINE, CONF, alrun, choices, faults

FAULTY = [
    # command line, key, given, part of the message
    ("budget=-5", "budget", "-5", "greater than or equal to 1"),
    ("budget=0", "budget", "0", "greater than or equal to 1"),
    ("seed=-1", "seed", "-1", "greater than or equal to 0"),
    ("budget='5'", "budget", "5", "must be a whole number"),
    ("budget=5.0", "budget", "5.0", "must be a whole number"),
    ("budget=true", "budget", "true", "must be a whole number"),
    ("budget=null", "budget", None, "must be a whole number"),
    ("wait=1", "wait", "1", "must be true or false"),
    ("rounds=0", "rounds", "0", "greater than or equal to 1"),
    ("threads=0", "threads", "0", "greater than or equal to 1"),
    ("name=''", "name", "", "must have 1 or more characters"),
    ("action=rn", "action", "rn", "did you mean 'run'? allowed: run, plan, resume"),
    ("approve=ask", "approve", "ask", "allowed: auto, prompt"),
    ("budgt=5", "budgt", "5", "did you mean 'budget'?"),
    ("stratgy=random", "stratgy", "random", "did you mean 'strategy'?"),
    ("experimnt=x", "experimnt", "x", "did you mean 'experiment'?"),
    ("+colour=red", "colour", "red", "unknown key"),
    ("initial.siz=3", "initial.siz", "3", "did you mean 'size'?"),
    ("initial.size=0", "initial.size", "0", "greater than or equal to 1"),
    ("restore_when.labelled=1.5", "restore_when.labelled", "1.5", "less than or equal to 1"),
    ("restore_when.deadline=soon", "restore_when.deadline", "soon", "36h"),
    ("report.thumbnails=-1", "report.thumbnails", "-1", "greater than or equal to 0"),
    ("strategy=divers", "strategy", "divers", "did you mean 'diversity'? allowed: audit, badge,"),
    ("strategy=", "strategy", "", "no choice ''"),
    ("strategy=null", "strategy", "null", "leave it out"),
    ("strategy@initial.strategy=randm", "strategy@initial.strategy", "randm", "did you mean 'random'?"),
    ("strategy@nosuch=random", "strategy@nosuch", "random", "strategy@initial.strategy"),
    ("experiment=mnist_tutoria", "experiment", "mnist_tutoria", "did you mean 'mnist_tutorial'?"),
    ("metrics=[image_diversity,rando]", "metrics", "[image_diversity,rando]", "did you mean 'random'?"),
    ("hydra/launcher=jobli", "hydra/launcher", "jobli", "allowed: basic"),
    ("hydra.run.dri=x", "hydra.run.dri", "x", "Could not override"),
    ("strategy.k=3", "strategy.k", "3", "diversity has no such parameter"),
    ("model.tres=3", "model.tres", "3", "did you mean 'trees'? allowed: trees, max_depth"),
    ("model.trees=0", "model.trees", "0", "greater than or equal to 1"),
    ("model._partial_=true", "model._partial_", "true", "no such parameter"),
    ("metrics.random=5", "metrics.random", "5", "must be a component"),
    ("platform.stages=[{title: A, typ: done}]", "platform.stages.0.type", None, "must be given"),
    ("platform.stages=[{title: A, type: dun}]", "platform.stages.0.type", "dun", "allowed: annotation, review, done"),
    ("platform.stages=[{title: A, type: review}]", "platform", None, "begin with annotation"),
    ("filters.all=[{stge: [x]}]", "filters.all[0].stge", None, "did you mean 'stage'?"),
    ("filters.all=[{metric: {name: sharpness, min: 1}}]", "filters", None, "reads the metric 'sharpness'"),
    ("metrics=[random]", "metrics", None, "reads the metric 'image_diversity'"),
    ("+metrics.stage={_target_: alrun.metrics.random.Random}", "metrics.stage", None, "is the name of a column"),
    ("+metrics.rank={_target_: alrun.metrics.random.Random}", "metrics.rank", None, "is the name of a column"),
    ("strategy._target_=nosuch.Thing", "strategy._target_", "nosuch.Thing", "cannot be imported"),
    ("strategy._target_=alrun.strategies.random.Rndom", "strategy._target_",
     "alrun.strategies.random.Rndom", "did you mean 'Random'?"),
    ("strategy._target_=alrun.metrics.random.Random", "strategy._target_",
     "alrun.metrics.random.Random", "is no Strategy"),
    ("strategy._target_=os.system", "strategy._target_", "os.system", "must be a class"),
    ("name=${nosuch}", "name", "${nosuch}", "not found"),
    ("budget==5", "budget==5", None, "is not a value in Hydra's grammar"),
    ("name=photos ü", "name=photos ü", None, "quote it, for the shell and for Hydra: \"name='photos ü'\""),
    ("name=a,b", "name", "a,b", "for one text write \"name='a,b'\""),
    ("budget=[1", "budget=[1", None, "[ or ] without its other half. A list is [a,b]"),
    ("name={a:1", "name={a:1", None, "{ or } without its other half"),
    ("name='a", "name='a", None, "' without its other half"),
    ("name=a b:c,d e}", "name=a b:c,d e}", None, "is quoted twice, for the shell and for Hydra: \"name='TEXT'\""),
    ("+x", "+x", None, "has no value: write +x=VALUE, or ~x"),
    ("budget", "budget", None, "has no value: write budget=VALUE"),
    ("strategy=[random,entropy]", "strategy", "[random,entropy]", "only one: choose it, or sweep over them, -m "),
    ("+strategy=random", "strategy", "random", "in place of what is there: strategy=random"),
    ("++strategy=random", "strategy", "random", "in place of what is there: strategy=random"),
    ("name=${nope}", "name", "${nope}", "${KEY} stands for the value of another key"),
    ("seed=0,1", "seed", "0,1", "add -m"),
    ("+budget=5", "budget", "5", "already at 'budget'"),
    ("~nosuch", "nosuch", None, "nosuch"),
    ("~strategy", "strategy", None, "must be given"),
    ("=5", "", "5", "unknown key"),
    ("run=outputs/x", "run", "outputs/x", "action=run takes none"),
    ("run_id=x", "run_id", "x", "action=run takes none"),
    ("runs=x", "runs", "x", "action=run takes none, compare does"),
    ("compare.figure=acuracy", "compare.figure", "acuracy", "did you mean 'accuracy'?"),
]  # fmt: skip


@pytest.mark.parametrize(("override", "key", "given", "message"), FAULTY, ids=[case[0] for case in FAULTY])
def test_one_fault(override: str, key: str, given: str | None, message: str) -> None:
    found = faults(override)
    (fault,) = [fault for fault in found if fault.key == key]
    assert fault.given == given
    assert message in fault.message
    assert {fault.origin for fault in found} == {COMMAND_LINE}


@pytest.mark.parametrize(("action", "message"), [("resume", "needs run=FOLDER"), ("restore", "run_id=")])
def test_an_action_about_a_run_needs_one(action: str, message: str) -> None:
    (fault,) = faults(f"action={action}")
    assert (fault.key, fault.given) == ("run", None)
    assert message in fault.message


def test_a_comparison_needs_sweeps() -> None:
    (fault,) = faults("action=compare")
    assert (fault.key, fault.given) == ("runs", None)
    assert "needs runs=GLOB" in fault.message
    assert faults("action=compare", "runs=multirun/*", "compare.x=spent") == []


def keys(found: list[Fault]) -> set[str]:
    return {fault.key for fault in found}


def test_all_faults_are_found_at_once() -> None:
    found = faults(
        "budget=-5", "seed=x", "stratgy=y", "dataset=mnist", "model.tres=3", "embedding.size=2.0", "rounds==2",
        "metrics=[random,imge]", "filters.all=[{stge: [x]}]", "restore_when.labelled=0", "restore_when.deadline=soon",
    )  # fmt: skip
    assert keys(found) == {
        "budget", "seed", "stratgy", "dataset", "model.tres", "embedding.size", "rounds==2", "metrics",
        "filters.all[0].stge", "restore_when.labelled", "restore_when.deadline",
    }  # fmt: skip


def test_what_hangs_on_a_wrong_choice_is_not_reported_as_well() -> None:
    assert keys(faults("model=forest", "model.depth=3")) == {"model"}


@pytest.mark.parametrize("strategy", ["entropy", "least_confidence", "margin", "variance"])
def test_a_strategy_that_needs_a_model_is_refused_without_one(strategy: str) -> None:
    assert "choose one" in faults(f"strategy={strategy}", "model=none")[0].message
    assert faults("strategy=random", "model=none") == []
    assert keys(faults(f"strategy@initial.strategy={strategy}")) == {"initial.strategy"}
    assert keys(faults("action=train", "model=none")) == {"model"}


def test_where_nothing_is_selected_nothing_has_to_fit_the_strategy() -> None:
    misfit = ("strategy=rank", "strategy.metric=blur", "metrics=[random]")
    assert "reads the metric 'blur'" in faults(*misfit)[0].message
    assert faults(*misfit, "action=score") == faults(*misfit, "action=train") == []
    assert faults("strategy=margin", "model=none", "action=score") == []


def test_a_metric_that_is_read_and_not_chosen_can_be_added_and_a_misspelt_one_cannot() -> None:
    [lacking] = faults("strategy=rank", "strategy.metric=blur", "metrics=[random]")
    assert lacking.message.endswith("To add it: metrics=[random,blur]")
    [misspelt] = faults("strategy=rank", "strategy.metric=brigthness", "metrics=[random]")
    assert "and no choice has this name; did you mean 'brightness'?" in misspelt.message


def test_a_filter_of_one_predicate_is_put_into_the_list_that_the_command_line_takes() -> None:
    [fault] = faults("filters={any: [{metric: {name: random, max: 0.5}}]}", "metrics=[random]", "strategy=random")
    assert fault.message.endswith("'filters.all=[{any: [{metric: {name: random, max: 0.5}}]}]'")
    assert (
        faults("filters.all=[{any: [{metric: {name: random, max: 0.5}}]}]", "metrics=[random]", "strategy=random") == []
    )


def test_a_metric_of_ones_own_takes_no_name_that_means_something_else() -> None:
    own = "{_target_: alrun.metrics.random.Random}"
    assert keys(faults(f"+metrics.rank={own}", "strategy=random")) == {"metrics.rank"}
    mine = "{_target_: tests.run.own_metrics.Answer}"
    assert keys(faults(f"+metrics.width={mine}", "strategy=random")) == {"metrics.width"}
    assert faults("metrics=[width]", "strategy=random") == []


SUSPECTS = ("strategy=relabel_suspects", "recipe=relabel", "filters=labelled")


def test_labels_are_ranked_only_where_there_are_some_and_for_a_recipe_that_sends_them_back() -> None:
    assert faults(*SUSPECTS) == []
    assert faults("strategy=random", *SUSPECTS[1:]) == []
    assert keys(faults(*SUSPECTS[:2])) == keys(faults("recipe=relabel")) == {"filters"}
    assert keys(faults(*SUSPECTS, "filters.all=[{stage: [Done]}, {label_state: unlabelled}]")) == {"filters"}
    for recipe in ("park", "move", "documented", "priority"):
        (fault,) = faults(*SUSPECTS, f"recipe={recipe}")
        assert (fault.key, "choose recipe=relabel" in fault.message) == ("recipe", True)
    assert keys(faults(*SUSPECTS, "initial.size=5")) == {"initial.size"}
    assert keys(faults("strategy@initial.strategy=relabel_suspects")) == {"initial.strategy"}
    assert keys(faults(*SUSPECTS, "model=none")) == {"model"}
    assert keys(faults(*SUSPECTS, "model=predictions", "model.path=x.csv")) == {"model"}


def test_every_value_of_a_sweep_is_checked() -> None:
    found = faults("strategy=random,entrpy,margn", "seed=0,-1", "budget=5,x", "rounds=range(0,3)", multirun=True)
    assert [(fault.key, fault.given) for fault in found] == [
        ("rounds", "0"), ("budget", "x"), ("seed", "-1"), ("strategy", "entrpy"), ("strategy", "margn"),
    ]  # fmt: skip


def test_a_sweep_may_change_what_only_some_choices_have_only_if_all_do() -> None:
    found = faults("model=random_forest,logistic_regression", "model.trees=10", multirun=True)
    assert [fault.message.split(";")[0] for fault in found] == ["logistic_regression has no such parameter"]


def test_sweeps_that_cannot_be_are_refused() -> None:
    assert "no interval" in faults("seed=interval(0,1)", multirun=True)[0].message
    assert "cannot be swept" in faults("hydra.verbose=true,false", multirun=True)[0].message
    assert "matches no choice" in faults("strategy=glob(zz*)", multirun=True)[0].message
    assert "choose where with launcher=NAME" in faults("hydra/launcher=basic", multirun=True)[0].message
    assert "choose one" in faults("launcher=basic,processes", multirun=True)[0].message
    assert "without -m" in faults("action=status", "run=a,b", multirun=True)[0].message
    assert "compare them without -m" in faults("action=compare", "runs=x", multirun=True)[0].message
    assert "a sweep itself" in faults("experiment=mnist_tutorial,cold_start_diversity", multirun=True)[0].message


def test_resume_works_with_the_frozen_config_only(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert "is not a run folder" in faults("action=resume", f"run={run}")[0].message
    (run / ".hydra").mkdir(parents=True)
    (run / ".hydra" / "config.yaml").write_text("{}")
    assert faults("action=resume", f"run={run}", "approve=auto", "wait=true", "hydra.verbose=true") == []
    found = faults("action=resume", f"run={run}", "budget=3", "strategy=random")
    assert keys(found) == {"budget", "strategy"}
    assert all("frozen" in fault.message for fault in found)


@pytest.fixture
def experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Start from a folder that has experiments of its own."""
    folder = tmp_path / "experiments"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_fault_of_a_file_names_the_file(experiments: Path) -> None:
    (experiments / "mine.yaml").write_text("budgt: 3\nseed: -1\nmodel: {tres: 5}\n")
    found = faults("experiment=mine", "threads=0")
    assert {(fault.key, fault.origin) for fault in found} == {
        ("budgt", "experiments/mine.yaml"),
        ("seed", "experiments/mine.yaml"),
        ("model.tres", "experiments/mine.yaml"),
        ("threads", COMMAND_LINE),
    }
    assert {fault.origin for fault in faults("dataset=folder")} == {str(CONF / "dataset" / "folder.yaml")}
    assert {fault.origin for fault in faults("experiment=mine", "seed=x", "~model") if fault.key == "seed"} == {
        COMMAND_LINE
    }


def test_a_saved_filter_is_chosen_by_name_and_its_faults_name_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "filters").mkdir()
    (tmp_path / "filters" / "night.yaml").write_text("all:\n  - stge: [x]\n")
    (tmp_path / "filters" / "day.yaml").write_text("all:\n  - stage: [Annotate 1]\n")
    monkeypatch.chdir(tmp_path)
    assert faults("filters=day") == []
    [fault] = faults("filters=night")
    assert (fault.key, fault.origin) == ("filters.all[0].stge", "filters/night.yaml")
    [unknown] = faults("filters=dy")
    assert "did you mean 'day'?" in unknown.message


def test_the_sweep_of_an_experiment_is_checked(experiments: Path) -> None:
    (experiments / "mine.yaml").write_text('hydra: {sweeper: {params: {rounds: "1,0", strtegy: "a", seed: "[1"}}}\n')
    found = faults("experiment=mine")
    assert keys(found) == {"rounds", "strtegy", "seed"}
    assert {fault.origin for fault in found} == {"experiments/mine.yaml: hydra.sweeper.params"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("budget: [1\nseed: 3\n", "expected ',' or ']'"),
        ("budget: 1\nbudget: 2\n", "duplicate key budget"),
        ("- a\n", "Cannot merge"),
        ("defaults:\n  - override /strategy: entrpy\n", "did you mean 'entropy'?"),
        ("defaults: 5\n", "defaults must be a list"),
    ],
)
def test_a_file_that_cannot_be_read_hides_no_other_fault(experiments: Path, text: str, message: str) -> None:
    (experiments / "mine.yaml").write_text(text)
    first, *others = faults("experiment=mine", "budget=x")
    assert (first.key, first.given) == ("experiment", "mine")
    assert message in first.message
    assert keys(others) == {"budget"}


def test_the_user_sees_a_list_no_traceback_and_exit_code_2(tmp_path: Path) -> None:
    done = alrun("budget=-5", "strategy=divers", folder=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    strategies = [name for group, name in (choice.split("/") for choice in choices()) if group == "strategy"]
    assert done.stderr.splitlines() == [
        "alrun: 2 faults in the config, nothing was started",
        "strategy = divers  [command line]",
        f"    no choice 'divers': did you mean 'diversity'? allowed: {', '.join(strategies)}",
        "budget = -5  [command line]",
        "    must be greater than or equal to 1",
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("overrides", "key", "message"),
    [
        (("stop=[kappa]", "model=none", "strategy=random"), "stop.kappa", "goes by a model, and there is none"),
        (("stop=[target]", "stop.target.value=95"), "stop.target", "95 per cent is 0.95"),
        (("stop=[target]", "stop.target.figure=acuracy"), "stop.target.figure", "accuracy"),
        (("cost=column", "cost.column=nothing"), "cost.column", "there is no such metric"),
    ],
)
def test_rules_of_stopping_and_cost(overrides: tuple[str, ...], key: str, message: str) -> None:
    [fault] = faults(*overrides)
    assert fault.key == key
    assert message in fault.message


def test_a_filter_of_the_users_own_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "filters").mkdir()
    (tmp_path / "filters" / "ready.yaml").write_text("all:\n  - stge: [x]\n")
    monkeypatch.chdir(tmp_path)
    [fault] = faults("filters=ready")
    assert fault.origin == "filters/ready.yaml"


def test_a_value_that_cannot_be_read_is_one_fault() -> None:
    assert keys(faults("dataset=folder", "dataset.path=photos ü")) == {"dataset.path=photos ü"}
