//! Flush-to-zero while a thread computes: denormals slow arithmetic down by an order of magnitude.

/// Flushes denormals on this thread until dropped, then restores the earlier setting.
pub(super) struct FlushDenormals {
    saved: control::Word,
}

impl FlushDenormals {
    pub(super) fn new() -> Self {
        let saved = control::read();
        control::write(saved | control::FLUSH);
        Self { saved }
    }
}

impl Drop for FlushDenormals {
    fn drop(&mut self) {
        control::write(self.saved);
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod control {
    use std::arch::asm;

    pub(super) type Word = u32;
    /// FTZ (bit 15) and DAZ (bit 6) of MXCSR.
    pub(super) const FLUSH: Word = 0x8040;

    pub(super) fn read() -> Word {
        let mut word: Word = 0;
        // SAFETY: stores MXCSR into a local; SSE is part of x86-64.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut word, options(nostack, preserves_flags)) };
        word
    }

    pub(super) fn write(word: Word) {
        // SAFETY: only the flush bits ever differ from the word that was read, so no reserved bit is set and no
        // exception is unmasked; flushing changes the value of float operations but never their soundness.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const word, options(nostack, preserves_flags, readonly)) };
    }
}

#[cfg(all(target_arch = "aarch64", not(miri)))]
mod control {
    use std::arch::asm;

    pub(super) type Word = u64;
    /// FZ (bit 24) of FPCR.
    pub(super) const FLUSH: Word = 1 << 24;

    pub(super) fn read() -> Word {
        let word: Word;
        // SAFETY: reads a register that is always accessible.
        unsafe { asm!("mrs {}, fpcr", out(reg) word, options(nomem, nostack, preserves_flags)) };
        word
    }

    pub(super) fn write(word: Word) {
        // SAFETY: only the flush bit ever differs from the word that was read.
        unsafe { asm!("msr fpcr, {}", in(reg) word, options(nostack, preserves_flags)) };
    }
}

// Miri has no registers.
#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod control {
    pub(super) type Word = u32;
    pub(super) const FLUSH: Word = 0;

    pub(super) fn read() -> Word {
        0
    }

    pub(super) fn write(_: Word) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn flushes_and_restores() {
        let before = control::read();
        {
            let _flush = FlushDenormals::new();
            if control::FLUSH != 0 {
                assert_eq!(black_box(f32::MIN_POSITIVE) * black_box(0.5), 0.0);
            }
        }
        assert_eq!(control::read(), before);
        assert!(black_box(f32::MIN_POSITIVE) * black_box(0.5) > 0.0);
    }
}
