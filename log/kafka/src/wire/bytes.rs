//! Integers, texts and arrays as Kafka's protocol writes them, in its flexible versions (KIP-482).

/// Writes a request. Everything is appended; lengths are known before what they count.
#[derive(Debug, Default, Clone)]
pub(super) struct Encoder(pub(super) Vec<u8>);

impl Encoder {
    pub(super) fn i8(&mut self, value: i8) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    pub(super) fn bool(&mut self, value: bool) -> &mut Self {
        self.i8(i8::from(value))
    }

    pub(super) fn i16(&mut self, value: i16) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    pub(super) fn i32(&mut self, value: i32) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    pub(super) fn i64(&mut self, value: i64) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Seven bits a byte, the lowest first.
    pub(super) fn unsigned(&mut self, mut value: u64) -> &mut Self {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    /// The same for numbers that may be below zero, small ones short.
    pub(super) fn signed(&mut self, value: i64) -> &mut Self {
        self.unsigned(((value << 1) ^ (value >> 63)).cast_unsigned())
    }

    /// Opens an array (or a text) of `len` elements. 0 stands for none at all, hence the one more.
    pub(super) fn len(&mut self, len: usize) -> &mut Self {
        self.unsigned(len as u64 + 1)
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.len(text.len()).raw(text.as_bytes())
    }

    pub(super) fn maybe_text(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(text),
            None => self.unsigned(0),
        }
    }

    /// The end of a structure: no tagged fields.
    pub(super) fn end(&mut self) -> &mut Self {
        self.unsigned(0)
    }
}

/// The answer is not what its version promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an answer that cannot be read")]
pub(super) struct Malformed;

/// Reads an answer. Never beyond its end, whatever it claims.
#[derive(Debug)]
pub(super) struct Decoder<'a>(pub(super) &'a [u8]);

impl<'a> Decoder<'a> {
    pub(super) fn raw(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.raw(N)?.try_into().map_err(|_| Malformed)
    }

    pub(super) fn bool(&mut self) -> Result<bool, Malformed> {
        Ok(self.array::<1>()? != [0])
    }

    pub(super) fn i16(&mut self) -> Result<i16, Malformed> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32, Malformed> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub(super) fn i64(&mut self) -> Result<i64, Malformed> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    pub(super) fn unsigned(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    pub(super) fn signed(&mut self) -> Result<i64, Malformed> {
        let value = self.unsigned()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// Length of an array or a text; `None`: there is none.
    pub(super) fn len(&mut self) -> Result<Option<usize>, Malformed> {
        let len = self.unsigned()?.checked_sub(1);
        len.map(|len| usize::try_from(len).map_err(|_| Malformed)).transpose()
    }

    pub(super) fn maybe_text(&mut self) -> Result<Option<&'a str>, Malformed> {
        let Some(len) = self.len()? else { return Ok(None) };
        std::str::from_utf8(self.raw(len)?).map(Some).map_err(|_| Malformed)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        self.maybe_text()?.ok_or(Malformed)
    }

    /// Calls `read` for each element of an array.
    pub(super) fn each(&mut self, mut read: impl FnMut(&mut Self) -> Result<(), Malformed>) -> Result<(), Malformed> {
        for _ in 0..self.len()?.unwrap_or(0) {
            read(self)?;
        }
        Ok(())
    }

    /// Calls `read` with number and bytes of each tagged field: the end of a structure.
    pub(super) fn tagged(
        &mut self,
        mut read: impl FnMut(u64, &mut Decoder<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        for _ in 0..self.unsigned()? {
            let tag = self.unsigned()?;
            let len = usize::try_from(self.unsigned()?).map_err(|_| Malformed)?;
            read(tag, &mut Decoder(self.raw(len)?))?;
        }
        Ok(())
    }

    /// The end of a structure whose tagged fields nobody needs.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        self.tagged(|_, _| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(a: i16, b: i32, c: i64, u: u64, t: Option<String>) {
            let mut encoder = Encoder::default();
            encoder.i16(a).i32(b).i64(c).unsigned(u).signed(c).maybe_text(t.as_deref()).end();
            let mut decoder = Decoder(&encoder.0);
            prop_assert_eq!(decoder.i16(), Ok(a));
            prop_assert_eq!(decoder.i32(), Ok(b));
            prop_assert_eq!(decoder.i64(), Ok(c));
            prop_assert_eq!(decoder.unsigned(), Ok(u));
            prop_assert_eq!(decoder.signed(), Ok(c));
            prop_assert_eq!(decoder.maybe_text(), Ok(t.as_deref()));
            prop_assert_eq!(decoder.end(), Ok(()));
            prop_assert!(decoder.0.is_empty());
        }

        #[test]
        fn no_answer_makes_it_read_beyond_its_end(bytes: Vec<u8>) {
            let _ = Decoder(&bytes).each(|element| element.text().map(|_| ()));
            let _ = Decoder(&bytes).end();
        }
    }

    #[test]
    fn small_numbers_are_short() {
        let mut encoder = Encoder::default();
        encoder.signed(-1).signed(1).signed(-64).signed(64).unsigned(300);
        assert_eq!(encoder.0, [1, 2, 127, 128, 1, 172, 2]);
    }
}
