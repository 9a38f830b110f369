//! Chance that falls the same way everywhere.

/// A random generator by `SplitMix64` (Steele, Lea and Flood, 2014). Those of the `rand` crate may change with its version,
/// and with them every fixture.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Starts from a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `sides`.
    pub(crate) fn below(&mut self, sides: u64) -> u64 {
        self.next() % sides.max(1)
    }

    /// Returns a number from `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// Returns true that often, in percent.
    pub(crate) fn is(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Returns the place of one of `count` things.
    pub(crate) fn place(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(1);
        usize::try_from(self.below(count)).unwrap_or_default()
    }

    /// Returns one of the items.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        let place = self.place(items.len());
        items[place]
    }

    /// Returns a text with each `#` replaced by a digit.
    pub(crate) fn digits(&mut self, pattern: &str) -> String {
        let mut text = String::with_capacity(pattern.len());
        for letter in pattern.chars() {
            if letter == '#' {
                text.push_str(&self.below(10).to_string());
            } else {
                text.push(letter);
            }
        }
        text
    }
}
