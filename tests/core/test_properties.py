"""Whatever happens in whatever order, these hold for a supervisor."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from otpy.core.exits import (
    ExitReason,
    IntensityReached,
    Killed,
    Normal,
    Raised,
    Recycled,
    Shutdown,
    StartTimeout,
)
from otpy.core.messages import (
    Answer,
    AutoShutdownBegan,
    BackingOff,
    BootAsked,
    CountChildren,
    DeleteChild,
    Denied,
    EndBegun,
    Event,
    Exited,
    Failed,
    GetChildSpec,
    HaltAsked,
    Ignored,
    LimitReached,
    NotReloaded,
    Reload,
    Reloaded,
    Replacing,
    Report,
    Request,
    Requested,
    RestartChild,
    Restarting,
    Start,
    StartAgain,
    StartChild,
    StartCopy,
    Started,
    StartFailure,
    StopAsked,
    TerminateChild,
    TerminateChildren,
    TimedOut,
    WhichChildren,
)
from otpy.core.placement import passed_down
from otpy.core.runtime import perform
from otpy.core.spec import (
    BRUTAL_KILL,
    INFINITY,
    NO_BACKOFF,
    AutoShutdown,
    Backoff,
    ChildSpec,
    Inheritable,
    OnGiveUp,
    Restart,
    RestartIntensity,
    ServerStart,
    Strategy,
    SupervisorSpec,
    bad_combination,
    without_arguments,
)
from otpy.core.spec import Start as Starting
from otpy.core.state import (
    ALIVE,
    Availability,
    Child,
    Ending,
    Recovering,
    ReloadStep,
    StartingOne,
    Status,
    StoppingGroup,
    StoppingSome,
    SupervisorState,
    availability,
    new_supervisor,
)
from otpy.core.supervisor import decide
from tests.core.machine import START_OF_TIME, child

IDS = "abcde"
GAVE_UP = IntensityReached(child="x", reason=Killed())
REASONS: list[ExitReason] = [Normal(), Shutdown(), Killed(), Raised("ValueError: no"), GAVE_UP]

ids = st.sampled_from(IDS)
reasons = st.sampled_from(REASONS)
picks = st.integers(0, 999)
otp_specs = st.builds(
    child,
    ids,
    st.sampled_from([Restart.PERMANENT, *Restart]),
    st.sampled_from([0.0, 5.0, BRUTAL_KILL, INFINITY]),
    significant=st.sampled_from([False, False, True]),
)
backoffs = st.sampled_from([None, None, Backoff(), Backoff(jitter=0.0), NO_BACKOFF])
inherited = st.builds(Inheritable, backoff=backoffs)
own_intensities = st.sampled_from(
    [None, RestartIntensity(1, 5.0), RestartIntensity(None, 5.0), RestartIntensity(0, 1.0)]
)
child_specs = st.one_of(
    otp_specs,
    st.builds(
        lambda spec, backoff, intensity, end, start_timeout: replace(
            spec,
            backoff=backoff,
            own_intensity=intensity,
            on_give_up=end if intensity else OnGiveUp.ESCALATE,
            start_timeout=start_timeout,
        ),
        otp_specs,
        backoffs,
        own_intensities,
        st.sampled_from(OnGiveUp),
        st.sampled_from([None, None, 1.0]),
    ),
)
requests: st.SearchStrategy[Request] = st.one_of(
    st.builds(StartChild, child_specs),
    st.builds(StartCopy, st.one_of(st.none(), ids)),
    st.builds(TerminateChild, ids),
    st.builds(TerminateChildren, st.lists(ids, max_size=4).map(tuple)),
    st.builds(RestartChild, ids),
    st.builds(DeleteChild, ids),
    st.builds(GetChildSpec, ids),
    st.builds(WhichChildren),
    st.builds(CountChildren),
)


@st.composite
def supervisor_specs(draw: st.DrawFn) -> SupervisorSpec:
    strategy = draw(st.sampled_from(Strategy))
    intensity = RestartIntensity(
        draw(st.sampled_from([9, 4, 1, 0, None])), draw(st.sampled_from([1.0, 5.0]))
    )
    if strategy is Strategy.DYNAMIC:
        limit = draw(st.sampled_from([None, 3, 2, 0]))
        template = draw(st.sampled_from([None, None, child("t"), child("t", Restart.TEMPORARY)]))
        spec = SupervisorSpec(strategy, intensity, max_children=limit, template=template)
        return passed_down(spec, draw(inherited), "")
    auto_shutdown = draw(st.sampled_from(AutoShutdown))
    children = draw(st.lists(child_specs, min_size=1, max_size=5, unique_by=lambda spec: spec.id))
    fitting = tuple(spec for spec in children if not bad_combination(spec, auto_shutdown))
    spec = SupervisorSpec(strategy, intensity, auto_shutdown, fitting)
    return passed_down(spec, draw(inherited), "")


GROUPS = [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE]
contained_specs = st.builds(
    lambda spec, restart, intensity: replace(
        spec, restart=restart, own_intensity=intensity, on_give_up=OnGiveUp.STAY_DOWN
    ),
    otp_specs,
    st.sampled_from([Restart.PERMANENT, Restart.TRANSIENT]),
    st.sampled_from([RestartIntensity(0, 1.0), RestartIntensity(1, 5.0)]),
)
contained = st.builds(
    lambda strategy, children, above: passed_down(
        SupervisorSpec(strategy, RestartIntensity(9, 1.0), children=tuple(children)), above, ""
    ),
    st.sampled_from(GROUPS),
    st.lists(contained_specs, min_size=2, max_size=4, unique_by=lambda spec: spec.id),
    inherited,
)


class AnySupervisor(RuleBasedStateMachine):
    """A supervisor in a world that keeps its word and is free in everything else."""

    @initialize(spec=supervisor_specs(), at_once=st.booleans())
    def boot(self, spec: SupervisorSpec, *, at_once: bool) -> None:
        self.begin(spec, at_once=at_once)

    def begin(self, spec: SupervisorSpec, *, at_once: bool) -> None:
        self.state = new_supervisor(spec)
        self.now = START_OF_TIME
        self.starting: dict[str, int] = {}  # the processes there are: id and incarnation
        self.running: dict[str, int] = {}
        self.timers: dict[str, int] = {}  # of children that wait for their next start
        self.start_timers: dict[str, int] = {}
        self.late: set[str] = set()  # those of them that are to be killed
        self.leaving: set[str] = set()  # those of them that were asked to end
        self.retiring: dict[str, Recycled] = {}  # and those that end after their message in hand
        self.halted = False
        self.last_number: dict[str, int] = {}
        self.asked = 0
        self.unanswered: set[int] = set()
        self.reloads: dict[int, SupervisorSpec] = {}
        self.answered: tuple[SupervisorSpec, Answer] | None = None
        self.gone: set[str] = set()  # who was asked to leave, or does so by itself
        self.starts_with: dict[str, Starting] = {}
        self.restarts: list[float] = []
        self.end: ExitReason | None = None
        self.tell(BootAsked())
        while at_once and self.starting:
            self.start_is_settled("up", Normal())

    # ---- what may happen -----------------------------------------------------------------------

    @precondition(lambda self: self.starting)
    @rule(reason=reasons, outcome=st.sampled_from(["up", "up", "up", "up", "failed", "ignored"]))
    def start_is_settled(self, outcome: str, reason: ExitReason) -> None:
        id_, incarnation = self.starting.popitem()
        if id_ in self.late:
            outcome, reason = "failed", StartTimeout()
        self.late.discard(id_)
        if outcome != "up":
            self.start_timers.pop(id_, None)
        if outcome == "up":
            self.running[id_] = incarnation
            self.tell(Started(id_, incarnation))
            return
        self.leaving.discard(id_)
        if outcome == "ignored":
            self.tell(Ignored(id_, incarnation))
        else:
            self.tell(StartFailure(id_, incarnation, reason))

    @precondition(lambda self: self.running)
    @rule(pick=picks, reason=reasons)
    def process_ends(self, pick: int, reason: ExitReason) -> None:
        self.lose(sorted(self.running)[pick % len(self.running)], reason)

    @precondition(lambda self: self.running)
    @rule(pick=picks, detail=st.sampled_from(["age 1 h", "messages 5"]))
    def limit_is_reached(self, pick: int, detail: str) -> None:
        id_ = sorted(self.running)[pick % len(self.running)]
        self.tell(LimitReached(id_, self.running[id_], Recycled(detail)))

    @precondition(lambda self: self.retiring)
    @rule(pick=picks, late=st.booleans())
    def one_that_retires_ends(self, pick: int, *, late: bool) -> None:
        id_ = sorted(self.retiring)[pick % len(self.retiring)]
        reason = self.retiring[id_]
        self.tell(EndBegun(id_, self.running[id_]))
        if late:
            self.tell(TimedOut(id_, self.running[id_]))
        before, state = dict(self.running), self.state
        self.lose(id_, reason)
        if state.work is None and not self.state.ending:
            assert self.state.restarts == state.restarts, "it does not count"
            self.check_is_replaced_alone(id_, before)

    def check_is_replaced_alone(self, id_: str, before: dict[str, int]) -> None:
        others = {other: number for other, number in before.items() if other != id_}
        assert self.running == others, "its siblings go on"
        assert not self.leaving
        spec = self.state.children.get(id_)
        temporary = spec is None or spec.spec.restart is Restart.TEMPORARY
        assert self.starting == ({} if temporary else {id_: before[id_] + 1})

    @precondition(lambda self: self.leaving & self.running.keys())
    @rule(pick=picks, reason=reasons)
    def stop_is_obeyed(self, pick: int, reason: ExitReason) -> None:
        leaving = sorted(self.leaving & self.running.keys())
        self.lose(leaving[pick % len(leaving)], reason)

    @precondition(lambda self: self.leaving)
    @rule(pick=picks)
    def budget_is_over(self, pick: int) -> None:
        id_ = sorted(self.leaving)[pick % len(self.leaving)]
        self.tell(TimedOut(id_, self.processes()[id_]))

    @precondition(lambda self: self.start_timers)
    @rule()
    def start_takes_too_long(self) -> None:
        id_, incarnation = self.start_timers.popitem()
        self.tell(TimedOut(id_, incarnation))
        assert id_ in self.late

    @precondition(lambda self: self.timers)
    @rule(pick=picks)
    def wait_is_over(self, pick: int) -> None:
        id_ = sorted(self.timers)[pick % len(self.timers)]
        self.tell(TimedOut(id_, self.timers.pop(id_)))

    @rule(request=requests)
    def somebody_asks(self, request: Request) -> None:
        self.asked += 1
        self.unanswered.add(self.asked)
        if isinstance(request, DeleteChild):
            self.gone.add(request.id)
        self.tell(Requested(self.asked, request))

    @rule(
        children=st.lists(child_specs, max_size=5, unique_by=lambda spec: spec.id),
        runs=st.sampled_from(["m:a", "m:b"]),
        picks=st.sets(ids),
    )
    def tree_changes(self, children: list[ChildSpec], runs: str, picks: set[str]) -> None:
        spec = self.state.spec
        fitting = [one for one in children if not bad_combination(one, spec.auto_shutdown)]
        wanted = tuple(
            replace(one, start=ServerStart(runs)) if one.id in picks else one for one in fitting
        )
        new = spec if spec.is_dynamic else replace(spec, children=wanted)
        self.asked += 1
        self.unanswered.add(self.asked)
        self.reloads[self.asked] = new
        self.tell(Requested(self.asked, Reload(new)))

    @precondition(lambda self: self.last_number)
    @rule(pick=picks, kind=st.sampled_from([Started, Ignored, TimedOut]), back=st.integers(0, 2))
    def old_news_arrives(
        self, pick: int, kind: type[Started | Ignored | TimedOut], back: int
    ) -> None:
        id_, last = sorted(self.last_number.items())[pick % len(self.last_number)]
        self.tell_old(id_, last - back, kind(id_, last - back))

    @precondition(lambda self: self.last_number)
    @rule(pick=picks, kind=st.sampled_from([Exited, StartFailure]), back=st.integers(0, 2))
    def old_end_arrives(self, pick: int, kind: type[Exited | StartFailure], back: int) -> None:
        id_, last = sorted(self.last_number.items())[pick % len(self.last_number)]
        self.tell_old(id_, last - back, kind(id_, last - back, Killed()))

    @rule(seconds=st.sampled_from([0.1, 0.9, 1.0, 4.0, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.asked > 5)
    @rule(odds=st.integers(0, 3))
    def parent_asks_to_stop(self, odds: int) -> None:
        if odds == 0:
            self.tell(StopAsked())

    @precondition(lambda self: self.asked > 5)
    @rule(odds=st.integers(0, 7))
    def operator_insists(self, odds: int) -> None:
        if odds == 0:
            self.halted = True
            self.tell(HaltAsked())

    def lose(self, id_: str, reason: ExitReason) -> None:
        incarnation = self.running.pop(id_)
        self.leaving.discard(id_)
        self.retiring.pop(id_, None)
        self.tell(Exited(id_, incarnation, reason))

    # ---- what must follow ----------------------------------------------------------------------

    def processes(self) -> dict[str, int]:
        return self.starting | self.running

    def tell_old(self, id_: str, incarnation: int, event: Event) -> None:
        waits = isinstance(event, TimedOut) and self.timers.get(id_) == incarnation
        if self.processes().get(id_) != incarnation and not waits:
            before = self.state
            self.tell(event)
            assert self.state == before

    def tell(self, event: Event) -> None:
        before = self.state
        was_over, was_ending = self.state.over, self.state.ending
        was_asked = before.work is not None and isinstance(before.work.purpose, StartingOne)
        self.uncounted = was_asked and isinstance(event, StartFailure)
        self.state, actions = decide(self.state, event, self.now, self.asked % 7 / 6)
        assert not (was_over and actions), "nothing follows the end"
        for action in actions:
            assert self.end is None, "the end comes last"
            assert not (was_ending and isinstance(action, Start)), "nothing starts at the end"
            perform(action, self)
            if isinstance(action, Start):
                self.check_was_asked_for_if_failed(before, action.spec.id)
        if self.answered is not None and self.state.work is None and not self.state.over:
            self.check_reloaded(*self.answered)
            self.answered = None

    def check_was_asked_for_if_failed(self, before: SupervisorState, id_: str) -> None:
        one = before.children.get(id_)
        if one is not None and one.status is Status.FAILED and self.state.work is not None:
            asked = StartingOne | ReloadStep
            assert isinstance(self.state.work.purpose, asked), "failed ones stay down"

    # ---- as a runtime: what the supervisor decides is checked, and done by the rules above ------

    def stop(self, child: str, incarnation: int) -> None:
        self.check_order(child)
        self.check_leaves(child, incarnation)

    def retire(self, child: str, incarnation: int, reason: Recycled) -> None:
        assert (child, incarnation) in self.running.items()
        if self.state.children[child].status is Status.STOPPING:
            self.stop(child, incarnation)  # by a reload
            return
        assert child not in self.retiring | dict.fromkeys(self.leaving), "nobody is asked twice"
        self.retiring[child] = reason

    def kill(self, child: str, incarnation: int) -> None:
        if child in self.retiring and self.state.children[child].status is Status.RUNNING:
            return  # its siblings are served meanwhile
        self.check_leaves(child, incarnation)

    def fail_start(self, child: str, incarnation: int) -> None:
        assert (child, incarnation) in self.starting.items(), "what is up is not late"
        assert child not in self.leaving
        self.late.add(child)

    def halt(self, child: str, incarnation: int) -> None:
        assert self.halted
        self.check_leaves(child, incarnation)

    def set_timer(self, child: str, incarnation: int, seconds: float) -> None:
        waits = self.state.reload is not None and child not in self.processes()  # for a moment
        if waits or self.state.children[child].status is Status.BACKOFF:
            assert child not in self.timers, "one timer a child"
            assert incarnation == self.last_number[child]
            assert 0 < seconds <= Backoff().max
            self.timers[child] = incarnation
            return
        assert child not in self.start_timers, "one timer a child"
        if self.state.children[child].status is Status.STARTING:
            assert (child, incarnation) in self.starting.items()
            assert seconds == self.state.children[child].spec.start_timeout
            self.start_timers[child] = incarnation
        else:
            assert (child, incarnation) in self.processes().items()

    def cancel_timer(self, child: str) -> None:
        self.timers.pop(child, None)  # it may have run out, and wait in the mailbox
        self.start_timers.pop(child, None)

    def reply(self, token: int, answer: Answer) -> None:
        self.unanswered.remove(token)
        if (wanted := self.reloads.pop(token, None)) is not None:
            self.answered = wanted, answer

    def check_reloaded(self, wanted: SupervisorSpec, answer: Answer) -> None:
        match answer:
            case Reloaded():
                assert self.without_gone(self.state.spec) == self.without_gone(wanted)
            case NotReloaded():
                pass
            case _:
                assert isinstance(answer, Denied)
                return
        declared = {id_: one for id_, one in self.state.children.items() if one.declared}
        names = [spec.id for spec in self.state.spec.children]
        staying = [id_ for id_ in declared if id_ not in self.gone]  # others may have come anew
        assert staying == [id_ for id_ in names if id_ in staying], "in their order"
        for spec in self.state.spec.children:
            if spec.id in declared:
                self.check_has(declared[spec.id], spec)
            else:
                assert spec.restart is Restart.TEMPORARY or spec.id in self.gone

    def without_gone(self, spec: SupervisorSpec) -> SupervisorSpec:
        children = [child for child in spec.children if child.id not in self.gone]
        return replace(spec, children=tuple(children))

    def check_has(self, one: Child, spec: ChildSpec) -> None:
        assert one.declared == spec
        if spec.restart is Restart.TEMPORARY:
            spec = without_arguments(spec)
        assert without_arguments(one.spec) == without_arguments(spec)
        if one.status is Status.RUNNING:
            assert self.starts_with[spec.id] == spec.start, "what runs is what is wanted"

    def respec(self, spec: ChildSpec, incarnation: int) -> None:
        assert (spec.id, incarnation) in self.running.items()
        assert self.starts_with[spec.id] == spec.start

    def on_booted(self) -> None:
        """Whether that is so is for the tests of the boot."""

    def give_up(self, reason: ExitReason) -> None:
        assert not self.processes(), "nobody outlives the supervisor"
        self.end = reason

    def start(self, spec: ChildSpec, incarnation: int) -> None:
        assert spec.id not in self.processes(), "never two incarnations"
        limit = self.state.spec.max_children
        assert limit is None or len(self.processes()) < limit, "never too many"
        assert not self.starting, "one child starts at a time"
        assert not self.leaving, "nobody starts while another is being stopped"
        assert incarnation == self.last_number.get(spec.id, 0) + 1
        self.starts_with[spec.id] = spec.start
        if spec.restart is Restart.TEMPORARY:
            self.gone.add(spec.id)
        self.last_number[spec.id] = incarnation
        self.starting[spec.id] = incarnation

    def check_leaves(self, id_: str, incarnation: int) -> None:
        assert (id_, incarnation) in self.processes().items(), "only what is alive is stopped"
        self.leaving.add(id_)
        if not self.halted and not self.stops_at_once:
            assert len(self.leaving) == 1, "one child stops at a time"

    def check_order(self, id_: str) -> None:
        assert id_ not in self.leaving, "nobody is asked twice"
        work = self.state.work
        if self.stops_at_once:
            return
        if work is not None and isinstance(work.purpose, Ending | Recovering | StoppingGroup):
            order = list(self.state.children)
            later = set(order[order.index(id_) + 1 :])
            assert not later & self.processes().keys(), "the latest stops first"

    @property
    def stops_at_once(self) -> bool:
        if not self.state.spec.is_dynamic or self.state.work is None:
            return self.state.spec.is_dynamic and self.state.ending
        return isinstance(self.state.work.purpose, Ending | StoppingSome)

    def emit(self, report: Report) -> None:
        match report:
            case Restarting(restarts=counted, own_intensity=None):
                self.check_count(counted)
            case BackingOff(child=id_, waits_for=leader) if id_ == leader:
                # A start on request that fails does not count.
                if report.own_intensity is None and not self.uncounted:
                    self.check_count(report.restarts)
                self.uncounted = False
            case Replacing(child=id_):
                assert self.state.children[id_].spec.restart is not Restart.TEMPORARY
            case Failed(child=id_) if self.state.reload is None and not self.answered:
                assert self.state.children[id_].spec.on_give_up is OnGiveUp.STAY_DOWN
            case AutoShutdownBegan():
                assert self.state.spec.auto_shutdown is not AutoShutdown.NEVER

    def check_count(self, counted: int) -> None:
        limit = self.state.spec.intensity
        self.restarts.append(self.now)
        recent = [t for t in self.restarts if self.now - t <= limit.max_seconds]
        assert len(recent) == counted
        assert limit.max_restarts is None or counted <= limit.max_restarts

    @invariant()
    def who_waits_for_its_own_timer_has_one(self) -> None:
        waiting = {
            id_
            for id_, one in self.state.children.items()
            if one.status is Status.BACKOFF and one.waits_for == id_
        }
        assert self.timers.keys() <= waiting
        begun = {each.child for each in self.state.mailbox if isinstance(each, StartAgain)}
        assert waiting <= self.timers.keys() | begun

    @invariant()
    def what_has_so_much_time_to_start_has_a_timer(self) -> None:
        timed = {
            id_
            for id_, one in self.state.children.items()
            if one.status is Status.STARTING and one.spec.start_timeout is not None
        }
        assert self.start_timers.keys() <= timed
        assert timed <= self.start_timers.keys() | self.late

    @invariant()
    def who_waits_for_another_will_be_started_by_it(self) -> None:
        children = self.state.children
        for one in children.values():
            assert (one.status is Status.BACKOFF) == bool(one.waits_for)
            assert (one.status is Status.FAILED) == (one.failure is not None)
            if one.waits_for:
                assert children[one.waits_for].waits_for == one.waits_for

    @invariant()
    def supervisor_knows_who_is_alive(self) -> None:
        known = {
            id_: one.incarnation for id_, one in self.state.children.items() if one.status in ALIVE
        }
        assert known == self.processes()

    @invariant()
    def starts_are_in_order(self) -> None:
        if self.state.work is not None:
            waiting = self.state.work.start
            assert list(waiting) == [id_ for id_ in self.state.children if id_ in waiting]

    @invariant()
    def it_waits_for_somebody_or_is_at_rest(self) -> None:
        if self.state.over:
            assert self.end is not None
        elif self.state.work is None:
            assert not self.state.mailbox
            assert not self.starting
            assert not self.leaving
            assert not self.unanswered
        else:
            assert self.starting or self.leaving

    @invariant()
    def a_dynamic_supervisor_keeps_nobody_who_will_not_run(self) -> None:
        if self.state.spec.is_dynamic and not self.state.ending:
            limit = self.state.spec.max_children
            assert limit is None or len(self.state.children) <= limit
            for one in self.state.children.values():
                assert one.status is not Status.UNDEFINED

    @invariant()
    def a_dynamic_supervisor_that_ends_has_asked_everybody(self) -> None:
        if self.state.spec.is_dynamic and self.state.ending:
            assert self.leaving == self.processes().keys()

    @invariant()
    def a_child_with_a_future_is_not_gone(self) -> None:
        for id_, one in self.state.children.items():
            seen = availability(self.state, id_)
            assert (seen is Availability.UP) == (one.status is Status.RUNNING)
            assert not self.state.ending or seen is not Availability.STARTING

    def teardown(self) -> None:
        """Answer all that is outstanding: then it comes to rest."""
        for _ in range(200):
            if self.starting:
                self.start_is_settled("up", Normal())
            elif waiting := self.leaving & self.running.keys():
                self.lose(min(waiting), Shutdown())
            else:
                break
        assert self.state.over or self.state.work is None
        assert self.state.over or not self.unanswered


class ContainingSupervisor(AnySupervisor):
    """One in which every child stays down when it fails too often, and groups restart."""

    @initialize(spec=contained, at_once=st.just(True))
    def boot(self, spec: SupervisorSpec, *, at_once: bool) -> None:
        self.begin(spec, at_once=at_once)


TestAnySupervisor = AnySupervisor.TestCase
TestAnySupervisor.settings = settings(max_examples=300, stateful_step_count=40, derandomize=True)
TestContainingSupervisor = ContainingSupervisor.TestCase
TestContainingSupervisor.settings = settings(
    max_examples=50, stateful_step_count=30, derandomize=True
)
