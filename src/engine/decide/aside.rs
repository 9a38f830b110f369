//! What is looked up only because somebody looks at what a run is about to do.

use crate::engine::setup::Loader;

/// Looks something up that a run does not, and tells who looks what it took. Nothing else may be asked of the destination meanwhile.
pub(in crate::engine) async fn aside<T>(loader: &Loader, look_up: impl Future<Output = T>) -> T {
    let Some(review) = &loader.review else { return look_up.await };
    let meter = &loader.services.context.meter;
    let before = meter.spent();
    let found = look_up.await;
    review.looked_aside(&loader.target.names, meter.spent().without(&before));
    found
}
