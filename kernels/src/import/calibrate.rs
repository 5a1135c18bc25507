//! What calibration learns from text: how large each activation gets, channel by channel.

use rayon::prelude::*;

use super::float::{Bert, Place};

/// Largest magnitude of each channel of one activation.
#[derive(Debug, Clone, Default)]
pub(super) struct Channels {
    pub(super) max: Vec<f64>,
}

impl Channels {
    pub(super) fn observe(&mut self, x: &[f32], width: usize) {
        self.max.resize(width, 0.0);
        for row in x.chunks_exact(width) {
            self.max.iter_mut().zip(row).for_each(|(max, v)| *max = max.max(f64::from(v.abs())));
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.max.resize(other.max.len(), 0.0);
        self.max.iter_mut().zip(&other.max).for_each(|(a, &b)| *a = a.max(b));
    }
}

/// Ranges of all activations of a model.
#[derive(Debug, Clone, Default)]
pub(super) struct Ranges {
    pub(super) norms: Vec<Channels>,
    pub(super) queries: Vec<Channels>,
    pub(super) keys: Vec<Channels>,
    pub(super) values: Vec<Channels>,
}

impl Ranges {
    fn lists(&mut self) -> [&mut Vec<Channels>; 4] {
        [&mut self.norms, &mut self.queries, &mut self.keys, &mut self.values]
    }

    fn observe(&mut self, place: Place, x: &[f32], tokens: usize) {
        let (list, index) = match place {
            Place::Norm(i) => (0, i),
            Place::Query(i) => (1, i),
            Place::Key(i) => (2, i),
            Place::Value(i) => (3, i),
        };
        let list = &mut *self.lists()[list];
        list.resize_with(list.len().max(index + 1), Channels::default);
        list[index].observe(x, x.len() / tokens);
    }

    fn merge(&mut self, mut other: Self) {
        for (into, from) in self.lists().into_iter().zip(other.lists()) {
            into.resize_with(into.len().max(from.len()), Channels::default);
            into.iter_mut().zip(from.iter()).for_each(|(a, b)| a.merge(b));
        }
    }
}

/// Runs the texts through the model. A maximum does not depend on the order, so threads change nothing.
pub(super) fn calibrate(model: &Bert, texts: &[Vec<u16>], progress: &(dyn Fn(usize) + Sync)) -> Ranges {
    let mut all = Ranges::default();
    for (part, texts) in texts.chunks(16).enumerate() {
        let ranges: Vec<Ranges> = texts
            .par_iter()
            .map(|ids| {
                let mut ranges = Ranges::default();
                model.forward(ids, &mut |place, x| ranges.observe(place, x, ids.len()));
                ranges
            })
            .collect();
        ranges.into_iter().for_each(|ranges| all.merge(ranges));
        progress(part * 16 + texts.len());
    }
    all
}
