/// Cuts a stream into whole frames, which stay as they came.
#[derive(Debug, Default)]
pub(super) struct Frames {
    buffer: Vec<u8>,
    /// How much of the buffer holds no end of a frame.
    scanned: usize,
    /// A frame is under way whose beginning was passed on: its rest is passed on too.
    through: bool,
}

/// A frame longer than this is passed on as it comes: the reader has a limit of its own and an error for it.
const LONGEST: usize = 17 * 1024 * 1024;

/// A piece of the stream.
pub(super) enum Piece<'a> {
    /// A frame with its blank line.
    Frame(&'a [u8]),
    /// Bytes of a frame that is not looked at.
    Raw(&'a [u8]),
}

impl Frames {
    /// A new stream begins.
    pub(super) fn open(&mut self) {
        *self = Frames::default();
    }

    /// A stream is joined that somebody else read so far, perhaps in the middle of a frame.
    pub(super) fn join(&mut self) {
        self.open();
        self.through = true;
    }

    /// Nothing of a frame was passed on.
    pub(super) fn is_between(&self) -> bool {
        !self.through
    }

    pub(super) fn feed(&mut self, chunk: &[u8], sink: &mut dyn FnMut(Piece<'_>)) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.extend_from_slice(chunk);
        let mut start = 0;
        let mut at = self.scanned;
        while let Some(end) = memchr::memchr(b'\n', &buffer[at..]).map(|found| at + found + 1) {
            let line = &buffer[start..end - 1];
            let blank = matches!(line.last(), None | Some(b'\n')) || line == b"\r" || line.ends_with(b"\n\r");
            at = end;
            if !blank {
                continue;
            }
            let piece = &buffer[start..end];
            sink(if std::mem::take(&mut self.through) {
                Piece::Raw(piece)
            } else {
                Piece::Frame(piece)
            });
            start = end;
        }
        if self.through || buffer.len() - start > LONGEST {
            // The end of the blank line may be in the next chunk: a line's end is kept for it.
            let keep = buffer[start..]
                .iter()
                .rev()
                .take_while(|byte| matches!(byte, b'\n' | b'\r'))
                .count();
            let end = buffer.len() - keep.min(2);
            if end > start {
                sink(Piece::Raw(&buffer[start..end]));
                self.through = true;
                start = end;
            }
        }
        buffer.drain(..start);
        self.scanned = buffer.len();
        self.buffer = buffer;
    }
}

/// The value of the `id` line and the joined data lines of a frame.
pub(super) fn lines(frame: &[u8]) -> (Option<&[u8]>, Vec<u8>) {
    let (mut id, mut data) = (None, Vec::new());
    for line in frame.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let value = |name: &[u8]| {
            let rest = line.strip_prefix(name)?;
            Some(rest.strip_prefix(b" ").unwrap_or(rest))
        };
        if let Some(value) = value(b"data:") {
            if !data.is_empty() {
                data.push(b'\n');
            }
            data.extend_from_slice(value);
        } else if let Some(value) = value(b"id:") {
            id = Some(value);
        }
    }
    (id, data)
}
