//! The ways in which a run is disturbed, each drawn from a seed.

use std::time::Duration;

use emulators::FaultPlan;
use rand::{Rng, rngs::SmallRng};

use crate::machine::Machine;
use crate::proxy::{Plan, Trick};
use crate::testbed::{Attack, Point, Shot, Trap, Weather};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    KillAtMoment,
    KillThrice,
    KillBeforeEffect,
    KillBeforeAnswer,
    KillAfterAnswer,
    Terminate,
    Interrupt,
    RateLimited,
    ServerFaults,
    DropBefore,
    DropAfter,
    CutAnswers,
    HtmlAnswers,
    MissingResults,
    SlowAnswers,
    StalledAnswer,
    KillInLinks,
    KillInCommit,
    FullDisk,
    NoSpace,
    ClockBack,
    Everything,
    RowLocks,
    FailingJobs,
    EndedSessions,
    HeldRequest,
    GatewayPages,
    LateAnswers,
    OldLookUps,
    DoubledAnswers,
    OutOfStep,
    SwappedAnswers,
    PartialLookUps,
    MangledWrites,
}

/// The ways in which every pair is disturbed.
pub(crate) const KINDS: &[Kind] = &[
    Kind::KillAtMoment,
    Kind::KillThrice,
    Kind::KillBeforeEffect,
    Kind::KillBeforeAnswer,
    Kind::KillAfterAnswer,
    Kind::Terminate,
    Kind::Interrupt,
    Kind::RateLimited,
    Kind::ServerFaults,
    Kind::DropBefore,
    Kind::DropAfter,
    Kind::CutAnswers,
    Kind::HtmlAnswers,
    Kind::MissingResults,
    Kind::SlowAnswers,
    Kind::StalledAnswer,
    Kind::KillInLinks,
    Kind::KillInCommit,
    Kind::FullDisk,
    Kind::NoSpace,
    Kind::ClockBack,
    Kind::Everything,
    Kind::HeldRequest,
    Kind::GatewayPages,
    Kind::LateAnswers,
    Kind::OldLookUps,
    Kind::DoubledAnswers,
    Kind::OutOfStep,
    Kind::SwappedAnswers,
    Kind::PartialLookUps,
    Kind::MangledWrites,
];

/// A disturbance: what the systems do all the time, and what is done to the first runs, in order.
#[derive(Debug, Clone)]
pub(crate) struct Disturbance {
    pub(crate) weather: Weather,
    pub(crate) attacks: Vec<Attack>,
}

/// What an undisturbed run takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure {
    pub(crate) duration: Duration,
    pub(crate) requests: u64,
    /// Size of the state file, in blocks of 512 bytes.
    pub(crate) state_blocks: u64,
    /// Writes to the state file; none where they cannot be counted.
    pub(crate) state_writes: u64,
}

impl Kind {
    /// What the table calls it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::KillAtMoment => "SIGKILL at any moment",
            Self::KillThrice => "SIGKILL, in three runs in a row",
            Self::KillBeforeEffect => "SIGKILL between intent and effect",
            Self::KillBeforeAnswer => "SIGKILL between effect and answer",
            Self::KillAfterAnswer => "SIGKILL between answer and commit",
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "Ctrl-C",
            Self::RateLimited => "429; 403 of Salesforce",
            Self::ServerFaults => "500, 502, 503, 504",
            Self::DropBefore => "connection lost before the effect",
            Self::DropAfter => "connection lost after the effect",
            Self::CutAnswers => "answer cut in half",
            Self::HtmlAnswers => "answer is HTML",
            Self::MissingResults => "answer lacks a result",
            Self::SlowAnswers => "slow answers and a SIGKILL",
            Self::StalledAnswer => "an answer that comes too late",
            Self::KillInLinks => "SIGKILL during the last writes: links",
            Self::KillInCommit => "SIGKILL in the middle of a commit",
            Self::FullDisk => "state file may not grow",
            Self::NoSpace => "disk full during a commit",
            Self::ClockBack => "clock goes back an hour, and SIGKILL",
            Self::Everything => "all of these at once",
            Self::RowLocks => "rows that are locked (Salesforce)",
            Self::FailingJobs => "jobs that fail half way, and a SIGKILL (Salesforce)",
            Self::EndedSessions => "sessions that end during the run (Salesforce)",
            Self::HeldRequest => "SIGKILL, and its last request arrives 3 to 30 s later",
            Self::GatewayPages => "a gateway's page, also behind a write that was carried out",
            Self::LateAnswers => "the answer of an earlier write",
            Self::OldLookUps => "the answer of an earlier look-up",
            Self::DoubledAnswers => "an answer sent twice: the connection is out of step",
            Self::OutOfStep => "a gateway's connection to the vendor is out of step",
            Self::SwappedAnswers => "two requests get each other's answers",
            Self::PartialLookUps => "a look-up's answer is cut, or a record of it has no id",
            Self::MangledWrites => "a write's answer is cut, or has results twice, too many or without id",
        }
    }

    /// Returns what a proxy does for it, where it takes one.
    fn trick(self) -> Option<Trick> {
        match self {
            Self::GatewayPages => Some(Trick::GatewayPage),
            Self::LateAnswers => Some(Trick::LateAnswer),
            Self::OldLookUps => Some(Trick::OldLookUp),
            Self::DoubledAnswers => Some(Trick::DoubledAnswer),
            Self::OutOfStep => Some(Trick::OutOfStep),
            Self::SwappedAnswers => Some(Trick::SwappedAnswers),
            Self::PartialLookUps => Some(Trick::PartialLookUp),
            Self::MangledWrites => Some(Trick::MangledWrite),
            _ => None,
        }
    }

    /// Tells whether a proxy makes the disturbance.
    pub(crate) fn is_of_proxy(self) -> bool {
        self.trick().is_some()
    }

    /// Tells whether `FERRY_FAULT_KIND` names it: a part of its name, or `proxy` for all that a proxy makes.
    pub(crate) fn is_named(self, wanted: &str) -> bool {
        format!("{self:?}").contains(wanted) || (wanted == "proxy" && self.is_of_proxy())
    }

    pub(crate) fn draw(self, random: &mut SmallRng, measure: Measure) -> Disturbance {
        let mut faults = FaultPlan { seed: random.random(), ..FaultPlan::default() };
        let mut attacks = Vec::new();
        let mut omissions = 0.0;
        let share = random.random_range(0.05..0.25);
        match self {
            Self::KillAtMoment => attacks.push(shot(random, measure, "-KILL")),
            Self::KillThrice => attacks.extend((0..3).map(|_| shot(random, measure, "-KILL"))),
            Self::KillBeforeEffect => attacks.push(trap(random, measure, Point::BeforeEffect)),
            Self::KillBeforeAnswer => attacks.push(trap(random, measure, Point::BeforeAnswer)),
            Self::KillAfterAnswer => attacks.push(trap(random, measure, Point::AfterAnswer)),
            Self::Terminate => attacks.push(shot(random, measure, "-TERM")),
            Self::Interrupt => attacks.push(shot(random, measure, "-INT")),
            Self::RateLimited => faults.statuses.push((429, share)),
            Self::ServerFaults => faults.statuses.extend([500, 502, 503, 504].map(|status| (status, share / 4.0))),
            Self::DropBefore => faults.drop = share,
            Self::DropAfter => faults.drop_after = share,
            Self::CutAnswers => faults.cut = share,
            Self::HtmlAnswers => faults.html = share,
            Self::MissingResults => omissions = share,
            Self::SlowAnswers => {
                faults.slow = Duration::from_millis(random.random_range(5..30));
                attacks.push(shot(random, measure, "-KILL"));
            }
            Self::StalledAnswer => attacks.push(trap(random, measure, Point::Stalled)),
            Self::KillInLinks => {
                let points = [Point::BeforeEffect, Point::BeforeAnswer, Point::AfterAnswer];
                let at = random.random_range((measure.requests * 3 / 4).max(1)..=measure.requests.max(1));
                let trap = Some(Trap { at, point: points[random.random_range(0..points.len())] });
                attacks.push(Attack { trap, ..Attack::default() });
            }
            Self::KillInCommit => attacks.push(machine(Machine::KillAtWrite(write(random, measure)))),
            Self::NoSpace => attacks.push(machine(Machine::FullAtWrite(write(random, measure)))),
            Self::ClockBack => {
                // The first run is killed after the jump; the second one begins before the first one did.
                let killed = shot(random, measure, "-KILL");
                let after_ms = killed.shot.map_or(0, |shot| u64::try_from(shot.after.as_millis()).unwrap() / 2);
                attacks.push(Attack { machine: Some(Machine::ClockBack(after_ms)), ..killed });
                attacks.push(machine(Machine::ClockBack(0)));
            }
            Self::FullDisk => {
                let file_blocks = Some(random.random_range(8..measure.state_blocks.max(9)));
                attacks.push(Attack { file_blocks, ..Attack::default() });
            }
            Self::Everything => {
                faults.statuses.extend([429, 500, 502, 503, 504].map(|status| (status, share / 10.0)));
                (faults.drop, faults.drop_after) = (share / 5.0, share / 5.0);
                (faults.cut, faults.html) = (share / 8.0, share / 8.0);
                (faults.lock, faults.job, faults.session) = (share / 10.0, share, share / 20.0);
                attacks.push(shot(random, measure, "-KILL"));
                attacks.push(trap(random, measure, Point::BeforeAnswer));
                attacks.push(shot(random, measure, "-TERM"));
            }
            Self::RowLocks => faults.lock = share,
            Self::FailingJobs => {
                faults.job = share * 3.0;
                attacks.push(trap(random, measure, Point::BeforeAnswer));
            }
            Self::EndedSessions => faults.session = share / 4.0,
            Self::HeldRequest => {
                let held = Duration::from_secs(random.random_range(3..=30));
                attacks.push(trap(random, measure, Point::Held(held)));
            }
            Self::GatewayPages
            | Self::LateAnswers
            | Self::OldLookUps
            | Self::DoubledAnswers
            | Self::OutOfStep
            | Self::SwappedAnswers
            | Self::PartialLookUps
            | Self::MangledWrites => {}
        }
        let proxy = self.trick().map(|trick| Plan { trick, share, seed: faults.seed });
        Disturbance { weather: Weather { faults, omissions, proxy, ..Weather::default() }, attacks }
    }
}

fn machine(machine: Machine) -> Attack {
    Attack { machine: Some(machine), ..Attack::default() }
}

fn write(random: &mut SmallRng, measure: Measure) -> u64 {
    random.random_range(1..=measure.state_writes.max(1))
}

fn shot(random: &mut SmallRng, measure: Measure, signal: &'static str) -> Attack {
    let after = measure.duration.mul_f64(random.random_range(0.0..1.0));
    Attack { shot: Some(Shot { after, signal }), ..Attack::default() }
}

fn trap(random: &mut SmallRng, measure: Measure, point: Point) -> Attack {
    let at = random.random_range(1..=measure.requests.max(1));
    Attack { trap: Some(Trap { at, point }), ..Attack::default() }
}
