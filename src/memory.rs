//! Gives memory back to the system when a crowd has gone. glibc keeps freed memory for itself where blocks still in use
//! lie above it: after 2,000 sessions had ended, 40 MB of freed memory were still resident. Why it stays
//! glibc's: docs/adr/0013.

/// How many sessions must have gone to count as a crowd.
const CROWD: usize = 500;

/// Says when so many sessions have gone that a walk through the heap is worth its time. Pure.
#[derive(Debug, Default)]
pub struct Peak(usize);

impl Peak {
    /// There are `n` sessions now: whether a crowd has gone since this last said so.
    pub fn has_fallen(&mut self, n: usize) -> bool {
        self.0 = self.0.max(n);
        // Not before half of them are gone: those who follow would need another walk.
        let is_over = self.0 - n >= CROWD && n <= self.0 / 2;
        if is_over {
            self.0 = n;
        }
        is_over
    }
}

/// Gives free memory back to the system. Takes some milliseconds, in which other threads that allocate may have to
/// wait. Does nothing where the allocator is not glibc's.
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
        let mut said = vec![10, 2_000, 1_900, 1_001, 1_000, 900, 400, 399, 600, 100, 99, 0];
        said.retain(|n| peak.has_fallen(*n));
        assert_eq!(said, [1_000, 400, 100], "of 2,000, of 1,000 and of 600");
    }

    #[test]
    fn little_is_left_alone() {
        let mut peak = Peak::default();
        assert!([499, 0, 499, 0].map(|n| peak.has_fallen(n)).iter().all(|said| !said));
    }
}
