//! Ferry as its users see it.

#[cfg(test)]
mod validate;
