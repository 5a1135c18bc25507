use assay_epochs::{
    Rewards,
    uptime::Run,
    wire::{BadBytes, read_inputs, read_rewards, write_inputs, write_rewards},
};
use proptest::prelude::*;

use super::world::{inputs, many};

#[test]
fn inputs_come_back_as_they_were() {
    for inputs in many() {
        let bytes = write_inputs(&inputs).unwrap();
        assert_eq!(read_inputs(&bytes).unwrap(), inputs);
    }
}

#[test]
fn rewards_come_back_as_they_were() {
    for cumulative in [vec![], vec![0, (1 << 96) - 1, 5]] {
        let (rewards, epoch) = (Rewards::from_cumulative(cumulative.clone()), 0x0102_0304);
        let bytes = write_rewards(epoch, &rewards);
        assert_eq!(bytes.len(), 12 + 1 + 4 + 4 + 12 * cumulative.len());
        let (read_epoch, read) = read_rewards(&bytes).unwrap();
        assert_eq!((read_epoch, read.cumulative(), read.root()), (epoch, &cumulative[..], rewards.root()));
    }
}

#[test]
fn neighbours_that_are_run_alike_take_one_line() {
    let mut inputs = inputs(3, 50_000, 4, 2, 8);
    inputs.runs.fill(Run { operator: 50_001, rate: 500 });
    let bytes = write_inputs(&inputs).unwrap();
    assert!(bytes.len() < 100, "{} bytes", bytes.len());
    assert_eq!(read_inputs(&bytes).unwrap(), inputs);
}

/// The form is fixed: other programs read it.
#[test]
fn the_bytes_are_those_that_the_head_of_the_module_says() {
    let mut inputs = inputs(3, 3, 2, 2, 5);
    inputs.occupied = vec![true, false, true, true, false];
    inputs.operators[0].delegated = 300;
    (inputs.operators[0].silent, inputs.operators[1].silent) = (true, false);
    inputs.operators[1].delegated = 1;
    inputs.reveals.retain(|reveal| reveal.operator == 5);
    (inputs.voters, inputs.runs) =
        (vec![5], vec![Run::default(), Run { operator: 5, rate: 200 }, Run { operator: 5, rate: 200 }]);
    let mut expected = b"assay.uptime\x01\0\0\0\x07".to_vec();
    expected.extend(inputs.seed);
    expected.extend(b"\0\x02\0\x05\x0d");
    expected.extend([2, 0xd9, 0x04, 0x02, 1, 1]);
    expected.extend(inputs.reveals[0].answers.bytes());
    expected.extend([1, 1, 3, 1, 0, 0, 2, 2, 0xc8, 0x01]);
    assert_eq!(write_inputs(&inputs).unwrap(), expected);

    let rewards = write_rewards(1, &Rewards::from_cumulative(vec![258]));
    assert_eq!(rewards, b"assay.reward\x01\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\x01\x02");
}

#[test]
fn what_is_wrong_with_bytes_is_said() {
    let good = write_inputs(&inputs(3, 30, 4, 2, 5)).unwrap();
    let refused = |at: usize, bytes: &[u8], what: &str| {
        let mut altered = good.clone();
        altered[at..at + bytes.len()].copy_from_slice(bytes);
        let error = read_inputs(&altered).unwrap_err().to_string();
        assert!(error.contains(what), "{error}, expected {what}");
    };
    refused(0, b"b", "they do not begin with \"assay.uptime\"");
    refused(12, &[2], "version 2, expected 1");
    refused(49, &[0, 0], "rounds before byte 51: 0, expected 1 to 64");
    refused(49, &[0, 65], "65, expected 1 to 64");
    refused(51, &[4, 1], "1025, expected 0 to 1024");
    refused(53, &[0x20], "an occupied seat before byte 54: 5, expected below 5");
    refused(54, &[0xff, 0xff, 0xff, 0xff, 0xff], "at most five bytes");
    refused(54, &[0x84, 0], "its shortest form");
    refused(54, &[0xff, 0xff, 0x7f], "the number of operators before byte 57: 2097151, expected 0 to 65536");
    assert_eq!(read_inputs(&[&good[..], &[0]].concat()), Err(BadBytes::Long { more: 1 }));
    for end in 0..good.len() {
        let error = read_inputs(&good[..end]).unwrap_err();
        let early = matches!(error, BadBytes::Short { at, .. } if at == end) || end < 12;
        assert!(early, "{end} bytes: {error}");
    }
    let claimed = [b"assay.reward\x01\0\0\0\x01\x00\xff\xff\xff".as_slice(), &[0; 24]].concat();
    assert!(read_rewards(&claimed).is_err_and(|error| error == BadBytes::Short { at: 45, what: "the rewards" }));
    let claimed = [b"assay.reward\x01\0\0\0\x01\x01\0\0\x01".as_slice(), &[0; 24]].concat();
    assert!(read_rewards(&claimed).is_err_and(|error| error.to_string().contains("16777217")));
}

proptest! {
    /// Whatever is read has one form.
    #[test]
    fn altered_bytes_are_refused_or_are_other_inputs(at in any::<prop::sample::Index>(), by in 1_u8.., cut in any::<prop::sample::Index>(), cuts: bool) {
        let mut bytes = write_inputs(&inputs(3, 30, 4, 2, 5)).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(inputs) = read_inputs(&bytes) {
            prop_assert_eq!(write_inputs(&inputs).unwrap(), bytes);
        }
    }

    #[test]
    fn hostile_bytes_are_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..300), is_begun: bool) {
        if is_begun {
            let head = write_inputs(&inputs(3, 30, 4, 2, 5)).unwrap()[..54].to_vec();
            bytes.splice(0..0, head);
        }
        if let Ok(inputs) = read_inputs(&bytes) {
            prop_assert_eq!(write_inputs(&inputs).unwrap(), bytes);
        }
    }
}
