//! Ends a run before it uses more of a vendor's quota than the pipeline allows, at the source and at each destination.

use crate::connector::Context;

use super::error::{EngineError, Interruption, QUOTA_WINDOW, SpentQuota};

/// The word for it in an attempt's errors.
const CODE: &str = "quota_share";

/// The share of a connection's quota that a run may use.
#[derive(Debug, Clone)]
pub(super) struct QuotaGuard {
    share: Option<f64>,
    /// Its meter knows what the vendor said last, or what was counted where the vendor says nothing.
    context: Context,
}

impl QuotaGuard {
    pub(super) fn new(share: Option<f64>, context: Context) -> Self {
        Self { share, context }
    }

    /// Fails, as an interruption, when the share is used.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        let (Some(share), Some(quota)) = (self.share, self.context.meter.quota()) else { return Ok(()) };
        if quota.used_share() < share {
            return Ok(());
        }
        let (used, allowed) = (percent(quota.used_share()), percent(share));
        let reason = format!(
            "{used} of the quota of `{}` is used and `limits.quota_share` allows {allowed}",
            self.context.connection
        );
        let quota = SpentQuota {
            connection: self.context.connection.clone(),
            code: CODE.to_owned(),
            request_id: None,
            until: self.context.clock().now() + QUOTA_WINDOW,
        };
        Err(EngineError::Interrupted(Interruption { reason, hint: None, quota: Some(quota) }))
    }
}

/// Writes a share with as many digits as it takes to tell it from nothing.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 0.0 || percent >= 0.1 { format!("{percent:.1} %") } else { format!("{percent:.1e} %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_share_is_not_shown_as_nothing() {
        assert_eq!(percent(0.8), "80.0 %");
        assert_eq!(percent(0.0), "0.0 %");
        assert_eq!(percent(0.000_001), "1.0e-4 %");
    }
}
