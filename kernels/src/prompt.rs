//! What goes into a decoder and what comes out of it.

use crate::{
    InputError,
    chance::BLANK,
    tape::{CHOICE_LEN, PROMPT_HEADER},
};

/// The input of a decoder: `seed u64 ‖ focus u16 ‖ ids u16[n]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What the noise is made of.
    pub seed: u64,
    /// The inverse of the temperature in units of 1/256; 0 takes the id of the largest score and no noise.
    pub focus: u16,
    /// The ids of a text; those that are to be chosen are [`BLANK`].
    pub ids: Vec<u16>,
}

/// One entry of a decoder's output: the largest score at a place, and the id that has it. Zeros where the prompt gives the next id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choice {
    /// The largest score.
    pub max: i32,
    /// The first id that has it.
    pub id: u16,
}

impl Prompt {
    /// A text with `count` ids to be chosen after it. The last of them is chosen after the last unit, so the prompt has one
    /// blank less.
    pub fn new(text: &[u16], count: usize, seed: u64, focus: u16) -> Self {
        let blanks = std::iter::repeat_n(BLANK, count.saturating_sub(1));
        Self { seed, focus, ids: text.iter().copied().chain(blanks).collect() }
    }

    /// The row.
    pub fn encode(&self) -> Vec<u8> {
        let ids = self.ids.iter().flat_map(|id| id.to_be_bytes());
        self.seed.to_be_bytes().into_iter().chain(self.focus.to_be_bytes()).chain(ids).collect()
    }

    /// Reads a row that a decoder of so many ids and units can take.
    ///
    /// # Errors
    /// Codes `INPUT_*`: what is wrong with the row.
    pub fn decode(row: &[u8], vocabulary: u32, max_units: u32) -> Result<Self, InputError> {
        let (header, ids) = row.split_at(row.len().min(PROMPT_HEADER));
        let (pairs, rest) = ids.as_chunks::<2>();
        let &[a, b, c, d, e, f, g, h, i, j] = header else { return Err(InputError::Short { len: row.len() }) };
        if pairs.is_empty() && rest.is_empty() {
            return Err(InputError::Empty);
        }
        if !rest.is_empty() {
            return Err(InputError::Odd { len: row.len() });
        }
        if pairs.len() > max_units as usize {
            return Err(InputError::TooLong { units: pairs.len(), max: max_units });
        }
        let id = |(position, pair): (usize, &[u8; 2])| match u16::from_be_bytes(*pair) {
            BLANK if position > 0 => Ok(BLANK),
            id if u32::from(id) < vocabulary => Ok(id),
            id => Err(InputError::UnknownId { position, id, vocabulary }),
        };
        let ids = pairs.iter().enumerate().map(id).collect::<Result<_, _>>()?;
        let seed = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        Ok(Self { seed, focus: u16::from_be_bytes([i, j]), ids })
    }

    /// Whether an id is chosen after place `t`: the next is blank, or there is none.
    pub(crate) fn chooses(&self, t: usize) -> bool {
        self.ids.get(t + 1).is_none_or(|&id| id == BLANK)
    }

    /// The text with its blanks filled as the entries of an output say. An id outside the vocabulary, which only a false output has,
    /// reads as 0.
    pub(crate) fn filled(&self, choices: &[Choice], vocabulary: u32) -> Vec<u16> {
        let id = |(t, &id): (usize, &u16)| match id {
            BLANK => Some(choices[t - 1].id).filter(|&id| u32::from(id) < vocabulary).unwrap_or(0),
            id => id,
        };
        self.ids.iter().enumerate().map(id).collect()
    }

    /// The ids that were chosen, in their order.
    ///
    /// # Panics
    /// If the output has fewer entries than the prompt has units.
    pub fn chosen(&self, output: &[Choice]) -> Vec<u16> {
        (0..self.ids.len()).filter(|&t| self.chooses(t)).map(|t| output[t].id).collect()
    }
}

/// The entries of an output row.
pub fn choices(row: &[u8]) -> Vec<Choice> {
    let entries = row.as_chunks::<CHOICE_LEN>().0.iter();
    let choice = |&[a, b, c, d, e, f]: &[u8; CHOICE_LEN]| Choice {
        max: i32::from_be_bytes([a, b, c, d]),
        id: u16::from_be_bytes([e, f]),
    };
    entries.map(choice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written() {
        let prompt = Prompt::new(&[3, 1, 4], 3, 0x0102_0304_0506_0708, 256);
        assert_eq!(prompt.ids, [3, 1, 4, BLANK, BLANK]);
        let row = prompt.encode();
        assert_eq!(row[..12], [1, 2, 3, 4, 5, 6, 7, 8, 1, 0, 0, 3]);
        assert_eq!(Prompt::decode(&row, 5, 5), Ok(prompt.clone()));
        assert_eq!((0..5).filter(|&t| prompt.chooses(t)).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(Prompt::new(&[3], 1, 0, 0).ids, [3]);
    }

    #[test]
    fn blanks_are_filled_from_the_entry_before() {
        let prompt = Prompt { seed: 0, focus: 0, ids: vec![3, BLANK, 2, BLANK] };
        let output = choices(&[0, 0, 0, 9, 0, 4, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 7, 0, 0, 0, 1, 0, 1]);
        assert_eq!(output[2], Choice { max: -1, id: 7 });
        assert_eq!((prompt.filled(&output, 8), prompt.filled(&output, 7)), (vec![3, 4, 2, 7], vec![3, 4, 2, 0]));
        assert_eq!(prompt.chosen(&output), [4, 7, 1]);
    }

    #[test]
    fn wrong_rows_are_named() {
        let row = |ids: &[u16]| Prompt { seed: 1, focus: 2, ids: ids.to_vec() }.encode();
        let code = |row: &[u8]| Prompt::decode(row, 5, 3).unwrap_err().code();
        assert_eq!(code(&row(&[])[..9]), "INPUT_SHORT");
        assert_eq!(code(&[]), "INPUT_SHORT");
        assert_eq!(code(&row(&[])), "INPUT_EMPTY");
        assert_eq!(code(&row(&[1])[..11]), "INPUT_ODD");
        assert_eq!(code(&row(&[1; 4])), "INPUT_TOO_LONG");
        assert_eq!((code(&row(&[1, 5])), code(&row(&[BLANK]))), ("INPUT_UNKNOWN_ID", "INPUT_UNKNOWN_ID"));
        assert!(Prompt::decode(&row(&[4, BLANK, 0]), 5, 3).is_ok());
    }
}
