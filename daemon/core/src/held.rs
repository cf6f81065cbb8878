//! Ports or ranges in use, and from where to look for one that is not: the lowest free
//! one is found without passing all that are held.

use std::collections::BTreeSet;

/// What is in use.
#[derive(Debug, Clone)]
pub(crate) struct Held<T> {
    set: BTreeSet<T>,
    /// All that come before this one are held.
    low: Option<T>,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self { set: BTreeSet::new(), low: None }
    }
}

impl<T: Ord + Copy> Held<T> {
    pub(crate) fn insert(&mut self, item: T) {
        self.set.insert(item);
    }

    pub(crate) fn remove(&mut self, item: T) {
        self.set.remove(&item);
        self.low = self.low.map(|low| low.min(item));
    }

    pub(crate) fn contains(&self, item: &T) -> bool {
        self.set.contains(item)
    }

    pub(crate) fn len(&self) -> usize {
        self.set.len()
    }

    /// Returns the lowest that is not held and that `is_free` besides. `from` gives all there
    /// are in order, without those before the given one.
    pub(crate) fn lowest_free<I: Iterator<Item = T>>(
        &mut self,
        from: impl Fn(Option<T>) -> I,
        is_free: impl Fn(&T) -> bool,
    ) -> Option<T> {
        let first = from(self.low).find(|item| !self.set.contains(item))?;
        self.low = Some(first);
        from(Some(first)).find(|item| !self.set.contains(item) && is_free(item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(low: Option<u8>) -> std::ops::RangeInclusive<u8> {
        low.unwrap_or(0)..=9
    }

    #[test]
    fn the_lowest_free_one_is_found_whatever_came_and_went() {
        let mut held = Held::default();
        let mut expected = BTreeSet::new();
        // Every order of taking and giving back that this sequence makes.
        for step in 0..2_000_u32 {
            let item = u8::try_from(step.wrapping_mul(2_654_435_761) >> 24).expect("a byte") % 10;
            if expected.contains(&item) {
                expected.remove(&item);
                held.remove(item);
            } else {
                expected.insert(item);
                held.insert(item);
            }
            let odd = |item: &u8| item % 2 == 1;
            let lowest = (0..=9).find(|item| !expected.contains(item) && odd(item));
            assert_eq!(held.lowest_free(from, odd), lowest, "{expected:?}");
        }
    }

    #[test]
    fn none_is_found_when_all_are_held_until_one_is_given_back() {
        let mut held = Held::default();
        (0..=9).for_each(|item| held.insert(item));
        assert_eq!(held.lowest_free(from, |_| true), None);
        held.remove(7);
        assert_eq!(held.lowest_free(from, |_| true), Some(7));
        assert_eq!((held.len(), held.contains(&7)), (9, false));
    }
}
