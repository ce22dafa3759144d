//! Memory goes back to the system when a crowd has gone. glibc keeps freed memory that lies between what is in use:
//! 40 MB of 2,000 sockets were still resident when the last one was closed, and all of it was free.

/// A fall by this many sessions is a crowd that has gone.
const CROWD: usize = 500;

/// Tells when so much has gone that it is worth the look through the heap. Pure.
#[derive(Debug, Default)]
pub struct Peak(usize);

impl Peak {
    /// There are so many now: whether a crowd has gone since this last said so.
    pub fn has_fallen(&mut self, n: usize) -> bool {
        self.0 = self.0.max(n);
        // While they still go there is more to come: half of them first.
        let is_over = self.0 - n >= CROWD && n <= self.0 / 2;
        if is_over {
            self.0 = n;
        }
        is_over
    }
}

/// Gives free memory back to the system. Takes some milliseconds, in which other threads may wait for memory, so it is
/// for a moment when much was freed. Nothing where the allocator is not glibc's.
#[cfg_attr(target_env = "gnu", expect(unsafe_code, reason = "see the comment inside"))]
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: malloc_trim(3) takes a number, has no precondition and may be called by any thread.
        let _ = unsafe { libc::malloc_trim(0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_once_that_a_crowd_has_gone() {
        let mut peak = Peak::default();
        let said: Vec<bool> =
            [10, 2_000, 1_900, 1_001, 1_000, 900, 400, 399, 600, 100, 99, 0].map(|n| peak.has_fallen(n)).into();
        let at: Vec<usize> = said.iter().enumerate().filter(|(_, said)| **said).map(|(n, _)| n).collect();
        // At 1,000 of 2,000; at 400 of 1,000; at 100 of 600.
        assert_eq!(at, [4, 6, 9]);
    }

    #[test]
    fn little_is_left_alone() {
        let mut peak = Peak::default();
        assert!([499, 0, 499, 0].map(|n| peak.has_fallen(n)).iter().all(|said| !said));
    }
}
