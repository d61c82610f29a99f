//! What the instruction sets of x86-64 have in common: their tokens, and the frame of [`super::dot::Dot`].

/// Wraps a call of intrinsics that only need the features.
macro_rules! with_features {
    ($body:expr) => {
        // SAFETY: the token proves that the machine has the features; no memory is touched.
        unsafe { $body }
    };
}

/// A token over that of the vectors of floats.
macro_rules! token {
    ($name:ident($float:ident), $features:literal) => {
        #[doc = concat!("Proof that the machine has ", $features, ".")]
        #[derive(Clone, Copy)]
        pub(super) struct $name($float);

        impl $name {
            #[doc = concat!("# Safety\nThe machine has ", $features, ".")]
            pub(super) unsafe fn new() -> Self {
                // SAFETY: by the caller's promise.
                Self(unsafe { $float::new() })
            }
        }
    };
}

/// The parts of `Dot` that differ in nothing but the width of a vector.
macro_rules! frame {
    ($name:ident($float:ident), $features:literal, $vector:ty, $zero:ident, $load:ident, $subtract:ident, $convert:ident) => {
        type Float = $float;
        type Sums = $vector;

        fn float(self) -> $float {
            self.0
        }

        #[inline(always)]
        fn enter<K: DotKernel>(self, kernel: K) {
            #[target_feature(enable = $features)]
            fn with_features<K: DotKernel>(kernel: K, dot: $name) {
                // SAFETY: promised by whoever dispatches the kernel.
                unsafe { kernel.run(dot) }
            }
            // SAFETY: the token proves that the machine has the features.
            unsafe { with_features(kernel, self) }
        }

        #[inline(always)]
        fn zero(self) -> $vector {
            with_features!($zero())
        }

        #[inline(always)]
        unsafe fn load(self, pointer: *const i32) -> $vector {
            // SAFETY: by the caller's promise and the token.
            unsafe { $load(pointer.cast()) }
        }

        #[inline(always)]
        fn subtract(self, a: $vector, b: $vector) -> $vector {
            with_features!($subtract(a, b))
        }

        #[inline(always)]
        fn to_float(self, sums: $vector) -> <$float as Simd>::Vector {
            with_features!($convert(sums))
        }
    };
}

pub(super) use {frame, token, with_features};
