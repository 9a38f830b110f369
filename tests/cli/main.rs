//! Ferry as its users see it.

#[cfg(test)]
mod seen;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod validate;
