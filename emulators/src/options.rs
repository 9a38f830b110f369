//! What the local CRMs are started with: fixtures, limits, and how often they misbehave.

use std::{path::PathBuf, str::FromStr, time::Duration};

/// Says how an emulator starts.
#[derive(Debug, Clone, Default)]
pub struct EmulatorOptions {
    /// The folder of the vendor's fixtures (`fixtures/hubspot`); none for an account with no records.
    pub fixtures: Option<PathBuf>,
    /// The id of the account that is played, as the vendor writes it; none for the one that is always played.
    pub account: Option<String>,
    /// Whether the vendor's rate limits are left out.
    pub is_unlimited: bool,
    /// How the emulator misbehaves.
    pub faults: FaultPlan,
    /// The folder where every request is written down with its answer; none to write nothing.
    pub exchanges: Option<PathBuf>,
}

/// Says how often and in which ways an emulator misbehaves; the same seed misbehaves the same way.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FaultPlan {
    /// What the random choices start from.
    pub seed: u64,
    /// The share of requests answered with a status (429, 500, 502, 503, 504) and not carried out.
    pub statuses: Vec<(u16, f64)>,
    /// The share of requests whose connection is dropped before they take effect.
    pub drop: f64,
    /// The share of requests that take effect and whose connection is dropped before the answer.
    pub drop_after: f64,
    /// The share of answers cut off half-way.
    pub cut: f64,
    /// The share of answers that are a gateway's HTML page.
    pub html: f64,
    /// The share of written records that another transaction holds, where the vendor locks records.
    pub lock: f64,
    /// The share of asynchronous jobs that fail half-way, where the vendor has such jobs.
    pub job: f64,
    /// The share of requests at which all sessions end, where the vendor has sessions without a lifetime.
    pub session: f64,
    /// A wait before every answer, in real time.
    pub slow: Duration,
}

/// Says what is wrong with the text of a fault plan.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{part}` is no fault; write e.g. `429=0.05,500=0.01,drop=0.01,drop_after=0.01,cut=0.01,html=0.01,lock=0.01,job=0.01,session=0.01,slow=20ms,seed=7`"
)]
pub struct FaultPlanError {
    part: String,
}

impl FromStr for FaultPlan {
    type Err = FaultPlanError;

    /// Reads `429=0.05,drop=0.01,slow=20ms,seed=7`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut plan = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = || FaultPlanError { part: part.to_owned() };
            let (name, setting) = part.split_once('=').ok_or_else(wrong)?;
            let share = || {
                let share: f64 = setting.parse().map_err(|_| wrong())?;
                if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(wrong()) }
            };
            match name {
                "seed" => plan.seed = setting.parse().map_err(|_| wrong())?,
                "drop" => plan.drop = share()?,
                "drop_after" => plan.drop_after = share()?,
                "cut" => plan.cut = share()?,
                "html" => plan.html = share()?,
                "lock" => plan.lock = share()?,
                "job" => plan.job = share()?,
                "session" => plan.session = share()?,
                "slow" => {
                    let millis = setting.strip_suffix("ms").unwrap_or(setting);
                    plan.slow = Duration::from_millis(millis.parse().map_err(|_| wrong())?);
                }
                "429" | "500" | "502" | "503" | "504" => {
                    let status = name.parse().map_err(|_| wrong())?;
                    plan.statuses.push((status, share()?));
                }
                _ => return Err(wrong()),
            }
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_plan_and_names_what_it_cannot_read() {
        let plan: FaultPlan = "429=0.05,slow=20ms,seed=7".parse().unwrap();
        assert_eq!(plan.statuses, [(429, 0.05)]);
        assert_eq!(plan.slow, Duration::from_millis(20));
        assert_eq!(plan.seed, 7);
        let error = "418=1".parse::<FaultPlan>().unwrap_err();
        assert!(error.to_string().starts_with("`418=1` is no fault"));
    }
}
