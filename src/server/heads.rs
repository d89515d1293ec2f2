//! Whether a request's head is on its way over HTTP/2: begun, and not at its end.
//!
//! Follows the frames as they go by and knows no more than their kinds and lengths; what is no HTTP/2 is hyper's to
//! refuse. hyper itself waits for the rest of a head as long as the connection lives.

/// What a client says before its first frame.
const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
/// Length, kind, flags and stream.
const FRAME: usize = 9;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

#[derive(Debug)]
pub(super) struct Heads {
    /// What of a frame's beginning has come.
    frame: [u8; FRAME],
    come: usize,
    /// What of its payload is to come.
    rest: usize,
    is_open: bool,
    /// The frame at hand ends the head.
    ends: bool,
    begun: u64,
}

impl Heads {
    pub(super) fn new() -> Self {
        Self {
            frame: [0; FRAME],
            come: 0,
            rest: PREFACE,
            is_open: false,
            ends: false,
            begun: 0,
        }
    }

    /// The number of the head that is on its way: no two have the same.
    pub(super) fn open(&self) -> Option<u64> {
        self.is_open.then_some(self.begun)
    }

    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while let Some((first, others)) = bytes.split_first() {
            if self.rest > 0 {
                let (passed, next) = bytes.split_at(self.rest.min(bytes.len()));
                self.rest -= passed.len();
                bytes = next;
            } else {
                self.begin(*first);
                bytes = others;
            }
            if self.ends && self.rest == 0 && self.come == 0 {
                (self.is_open, self.ends) = (false, false);
            }
        }
    }

    /// Takes one byte of a frame's beginning in.
    fn begin(&mut self, byte: u8) {
        if let Some(place) = self.frame.get_mut(self.come) {
            *place = byte;
        }
        self.come = (self.come + 1) % FRAME;
        if self.come > 0 {
            return;
        }
        let [high, middle, low, kind, flags, ..] = self.frame;
        self.rest = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        if kind == HEADERS && !self.is_open {
            self.is_open = true;
            self.begun += 1;
        }
        self.ends = matches!(kind, HEADERS | CONTINUATION) && flags & END_HEADERS != 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, 1], payload].concat()
    }

    fn after(bytes: &[u8]) -> Heads {
        let mut heads = Heads::new();
        heads.pass(&[0; PREFACE]);
        heads.pass(bytes);
        heads
    }

    #[test]
    fn a_head_is_open_until_the_last_byte_of_the_frame_that_ends_it() {
        let whole = frame(HEADERS, END_HEADERS, b"abc");
        assert_eq!(after(&whole).open(), None);
        assert_eq!(after(&whole[..11]).open(), Some(1));
        assert_eq!(after(&whole[..8]).open(), None, "nobody knows its kind yet");
        let halves = [frame(HEADERS, 1, b"abc"), frame(CONTINUATION, 0, b"d")].concat();
        assert_eq!(after(&halves).open(), Some(1));
        let ended = [&halves[..], &frame(CONTINUATION, END_HEADERS, b"")].concat();
        assert_eq!(after(&ended).open(), None);
        let next = [&ended[..], &frame(HEADERS, 0, b"")].concat();
        assert_eq!(after(&next).open(), Some(2));
        // The same flag of other kinds means something else.
        for kind in [0, 2, 3, 4, 6, 8] {
            assert_eq!(after(&frame(kind, END_HEADERS, b"x")).open(), None);
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_in_which_pieces_bytes_come(
            frames in prop::collection::vec((0..12_u8, any::<u8>(), prop::collection::vec(any::<u8>(), 0..20)), 0..8),
            noise in prop::collection::vec(any::<u8>(), 0..40),
            piece in 1..30_usize,
        ) {
            let frames = frames.iter().flat_map(|(kind, flags, payload)| frame(*kind, *flags, payload));
            let bytes: Vec<u8> = frames.chain(noise).collect();
            let mut pieces = after(b"");
            bytes.chunks(piece).for_each(|piece| pieces.pass(piece));
            prop_assert_eq!(pieces.open(), after(&bytes).open());
        }
    }
}
