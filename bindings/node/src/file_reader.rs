//! Reads safetensors files as their bytes come.

use crate::argument::{Source, typed_array};
use crate::error::{ErrorCode, Failure, Outcome};
use ::safetensors::tensor::Metadata;
use napi::bindgen_prelude::{TypedArrayType, Unknown};
use seqloom_graph::bytes_for;

/// What takes the tensors of a file.
pub(crate) trait Target {
    /// Which tensors a header tells of and where their elements lie, in any order: all of them.
    fn parts(&mut self, header: &Metadata) -> Outcome<Vec<(Place, Part)>>;

    /// Takes elements, those from `from` on.
    fn write(&mut self, part: Part, from: usize, bytes: &[u8]) -> Outcome<()>;
}

/// The bytes of a tensor among those of all elements.
pub(crate) type Place = (usize, usize);

/// A tensor of a file.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    /// Its number in the target.
    pub(crate) index: usize,
    pub(crate) kind: PartKind,
    /// The number of elements.
    pub(crate) length: usize,
}

/// What a tensor is.
#[derive(Clone, Copy)]
pub(crate) enum PartKind {
    Floats,
    Bfloat16,
    Integers,
    /// Of an int8 weight.
    Scales,
}

impl Part {
    /// Bytes of an element.
    fn size(self) -> usize {
        match self.kind {
            PartKind::Floats | PartKind::Scales => 4,
            PartKind::Bfloat16 => 2,
            PartKind::Integers => 1,
        }
    }
}

/// Reads a file piece by piece.
#[derive(Default)]
pub(crate) struct FileReader {
    /// The bytes that were not used yet: those of the header, then less than an element.
    bytes: Vec<u8>,
    /// Which tensors follow each other, once the header has been read.
    parts: Option<Vec<Part>>,
    /// The tensor that is read, among them, and how many of its elements have been.
    current: usize,
    done: usize,
}

/// The header's length comes first, in so many bytes.
const LENGTH_BYTES: usize = size_of::<u64>();

/// The longest header, as in the format's own library.
const MOST_HEADER_BYTES: u64 = 100_000_000;

impl FileReader {
    /// Takes the next bytes of a file, a `Uint8Array`; the file has `size` bytes in all.
    pub(crate) fn append(&mut self, bytes: &Unknown<'_>, size: usize, into: &mut dyn Target) -> Outcome<()> {
        let array = typed_array(bytes)?;
        let Some(array) = array.filter(|array| array.typed_array_type == TypedArrayType::Uint8) else {
            return Err(Failure::new(ErrorCode::DATA, "bytes: expected a Uint8Array"));
        };
        let next = Source::<u8>::of(&array, "bytes")?;
        if let Some(place) = next.place(&array) {
            // SAFETY: no JavaScript runs before the bytes are used, and other threads cannot write to them.
            let given = unsafe { std::slice::from_raw_parts(place.as_ptr(), next.len()) };
            return self.take_next(given, size, into);
        }
        let mut copy = bytes_for(next.len(), "A piece of the file")?;
        next.copy_to(&mut copy);
        self.take_next(&copy, size, into)
    }

    /// The same for bytes that are here.
    pub(crate) fn take_next(&mut self, given: &[u8], size: usize, into: &mut dyn Target) -> Outcome<()> {
        if self.bytes.is_empty() {
            let used = self.take(given, size, into)?;
            return self.keep(&given[used..]);
        }
        self.keep(given)?;
        let bytes = std::mem::take(&mut self.bytes);
        let used = self.take(&bytes, size, into)?;
        self.bytes = bytes;
        self.bytes.drain(..used);
        Ok(())
    }

    /// Appends bytes for the next time.
    fn keep(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.bytes.try_reserve(bytes.len()).map_err(|_| Failure::memory("The file", bytes.len()))?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes the header and elements, as far as they are there; gives how many bytes were used.
    fn take(&mut self, bytes: &[u8], size: usize, into: &mut dyn Target) -> Outcome<usize> {
        let mut used = 0;
        if self.parts.is_none() {
            let Some(end) = header_end(bytes, size)? else { return Ok(0) };
            let Some(header) = bytes.get(LENGTH_BYTES..end) else { return Ok(0) };
            self.parts = Some(parts_in(header, size - end, into)?);
            used = end;
        }
        while let Some(&part) = self.parts.as_deref().unwrap_or_default().get(self.current) {
            let bytes = bytes.get(used..).unwrap_or_default();
            let count = (bytes.len() / part.size()).min(part.length - self.done);
            if count == 0 && self.done < part.length {
                break;
            }
            let end = count * part.size();
            into.write(part, self.done, &bytes[..end])?;
            used += end;
            self.done += count;
            if self.done == part.length {
                (self.current, self.done) = (self.current + 1, 0);
            }
        }
        Ok(used)
    }
}

/// Numbers of the bytes of a file.
pub(crate) fn copy_words(words: &[[u8; 4]], target: &mut [f32]) {
    target.iter_mut().zip(words).for_each(|(value, &word)| *value = f32::from_le_bytes(word));
}

/// Where the header ends, once its length is there; it must be within the file.
fn header_end(bytes: &[u8], size: usize) -> Outcome<Option<usize>> {
    let length = bytes.first_chunk().map(|&length| u64::from_le_bytes(length));
    if size < LENGTH_BYTES || length.is_some_and(|length| length > MOST_HEADER_BYTES) {
        return Err(malformed("its header has no length that can be"));
    }
    let end = length.map(|length| LENGTH_BYTES + usize::try_from(length).unwrap_or(usize::MAX));
    if end.is_some_and(|end| end > size) {
        return Err(malformed("its header is longer than the file"));
    }
    Ok(end)
}

/// The tensors of a header in the order of their elements, which must be all of the `size` bytes behind it.
fn parts_in(header: &[u8], size: usize, into: &mut dyn Target) -> Outcome<Vec<Part>> {
    let metadata: Metadata = serde_json::from_slice(header).map_err(|error| malformed(&error.to_string()))?;
    let told = metadata.data_len();
    let mut found = into.parts(&metadata)?;
    // That they follow each other without gaps, the library has checked.
    found.sort_unstable_by_key(|&(place, _)| place);
    if told != size {
        return Err(malformed(&format!("it has {size} bytes of elements where its header tells of {told}")));
    }
    Ok(found.into_iter().map(|(_, part)| part).collect())
}

fn malformed(why: &str) -> Failure {
    Failure::new(ErrorCode::FORMAT, format!("This is not an intact safetensors file: {why}"))
}
