//! Any bytes from a socket, however the network cuts them: the result is the same, and no more is held than a
//! message may have, with compression and without. The first eight bytes say how they are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use realtime_chat_fuzz::{cut, read};

fuzz_target!(|data: &[u8]| {
    let Some((lengths, bytes)) = data.split_at_checked(8) else { return };
    for inflates in [false, true] {
        let whole = read(&[bytes], inflates);
        assert_eq!(read(&cut(bytes, lengths), inflates), whole, "cut by {lengths:?}");
        assert_eq!(read(&cut(bytes, &[0]), inflates), whole, "byte by byte");
    }
});
