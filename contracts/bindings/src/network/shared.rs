//! A long list whose copies share what they have in common.

use std::sync::Arc;

/// Items that are copied together when one of them changes.
const CHUNK: usize = 256;

/// A list. Its copy takes a pointer for each [`CHUNK`] of its items, and a change of one item in a copy copies that many.
///
/// Whoever follows a chain keeps what is final and looks at what may still be taken back in a copy, block by block.
#[derive(Clone, Debug)]
pub(super) struct SharedVec<T>(Vec<Arc<Vec<T>>>);

impl<T> Default for SharedVec<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> SharedVec<T> {
    pub(super) fn len(&self) -> usize {
        // All chunks but the last are full.
        self.0.last().map_or(0, |last| (self.0.len() - 1) * CHUNK + last.len())
    }

    pub(super) fn get(&self, place: usize) -> Option<&T> {
        self.0.get(place / CHUNK)?.get(place % CHUNK)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flat_map(|chunk| chunk.iter())
    }
}

impl<T: Clone> SharedVec<T> {
    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        Arc::make_mut(self.0.get_mut(place / CHUNK)?).get_mut(place % CHUNK)
    }

    pub(super) fn push(&mut self, item: T) {
        match self.0.last_mut().filter(|last| last.len() < CHUNK) {
            Some(last) => Arc::make_mut(last).push(item),
            None => self.0.push(Arc::new(vec![item])),
        }
    }

    /// The item at a place; the list grows up to it with empty ones.
    pub(super) fn grown_to(&mut self, place: usize) -> &mut T
    where
        T: Default,
    {
        while self.len() <= place {
            self.push(T::default());
        }
        // It is there now.
        &mut Arc::make_mut(&mut self.0[place / CHUNK])[place % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_what_the_other_changes() {
        let mut list = SharedVec::default();
        for item in 0..2 * CHUNK + 3 {
            assert_eq!(list.len(), item);
            list.push(item);
        }
        let mut copy = list.clone();
        *copy.get_mut(CHUNK).unwrap() = 0;
        copy.push(7);
        *copy.grown_to(3 * CHUNK) = 9;
        assert!(list.iter().copied().eq(0..2 * CHUNK + 3));
        assert!(list.get(2 * CHUNK + 3).is_none() && list.get_mut(9 * CHUNK).is_none());
        assert_eq!(
            [copy.get(CHUNK - 1), copy.get(CHUNK), copy.get(CHUNK + 1)],
            [&CHUNK - 1, 0, CHUNK + 1].each_ref().map(Some)
        );
        assert_eq!((copy.len(), copy.get(2 * CHUNK + 3), copy.get(3 * CHUNK)), (3 * CHUNK + 1, Some(&7), Some(&9)));
        let shared = |chunk: usize| Arc::ptr_eq(&list.0[chunk], &copy.0[chunk]);
        assert_eq!([shared(0), shared(1), shared(2)], [true, false, false], "what is the same lies there once");
    }
}
