//! How large a record may be.

use holdfast_ports::record::NewRecord;

/// Bytes of key, value and headers, or why that is too much: known before it is on its way, so that it alone is refused.
pub(crate) fn checked(record: &NewRecord<'_>, bytes_max: usize) -> Result<usize, String> {
    let part = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    let headers = record.headers.iter().map(|(name, value)| name.len() + value.len());
    let bytes = part(record.key) + part(record.value) + headers.sum::<usize>();
    if bytes <= bytes_max {
        return Ok(bytes);
    }
    Err(format!("{}-{}: a record of {bytes} bytes; at most {bytes_max} are taken", record.topic, record.partition))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_count_and_the_last_byte_decides() {
        let headers = [("trace", &b"abc"[..])];
        let record =
            NewRecord { topic: "t", partition: 3, key: Some(b"key"), value: Some(b"value"), headers: &headers };
        assert_eq!(checked(&record, 16), Ok(16));
        assert_eq!(checked(&record, 15), Err("t-3: a record of 16 bytes; at most 15 are taken".to_owned()));
        let bare = NewRecord { topic: "t", partition: 0, key: None, value: None, headers: &[] };
        assert_eq!(checked(&bare, 0), Ok(0));
    }
}
