//! Chains of element-wise operations: all operations run on a short run of elements before the next run is touched, so
//! that intermediate results stay in the near cache.

mod additive;
#[cfg(test)]
mod additive_tests;
mod compute;
mod function;
mod rectangle;
mod run;
mod sweep;
#[cfg(test)]
mod sweep_tests;
#[cfg(test)]
mod tests;

pub(crate) use additive::Additive;
pub use function::Function;
pub(crate) use rectangle::{Rectangle, Split, split};
pub(crate) use run::{run, run_sweep};
pub use sweep::{Motion, Sweep};

/// The most dimensions that a chain iterates over.
pub const MAX_DIMS: usize = 8;

/// The source of an operand of a chain's step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Source {
    /// A view to read.
    Read(usize),
    /// The result of an earlier step.
    Step(usize),
    /// The same number for every element.
    Constant(f64),
}

/// Where the result of a step goes, other than to later steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Nowhere.
    Nothing,
    /// It replaces the elements of a view to write. If an element receives several results, the last one in the order
    /// of iteration stays.
    Store(usize),
    /// It is added to the elements of a view to write. If an element receives several results, they are added in the
    /// order of iteration.
    Add(usize),
}

/// One operation of a chain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// What it computes.
    pub function: Function,
    /// Its operands; those beyond the function's arity are ignored.
    pub sources: [Source; 3],
    /// Where its result goes.
    pub output: Output,
}

/// The elements of a buffer that a step reads or writes: element (i₀, i₁, …) is at `offset + Σ i·stride`. A stride of 0
/// repeats; that of the last dimension is 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct View {
    /// Which of the buffers. A view to read may also be of one that is written: those follow the buffers to read.
    pub buffer: usize,
    /// The first element.
    pub offset: usize,
    /// One stride for each dimension.
    pub strides: [usize; MAX_DIMS],
}

/// A checked chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    pub(crate) steps: Vec<Step>,
    /// The register of each step; `usize::MAX` if the result stays in the view that it is stored to, or is only added
    /// to a view.
    pub(crate) registers: Vec<usize>,
    pub(crate) register_count: usize,
    pub(crate) reads: usize,
    pub(crate) writes: usize,
    /// What it is for, if there is code of its own for that.
    pub(crate) additive: Option<Additive>,
}

/// What a chain runs over.
#[derive(Debug)]
pub struct ChainOperands<'a, 'b, T> {
    /// The dimensions, at most [`MAX_DIMS`].
    pub dims: &'a [usize],
    /// The views to read, over `sources`.
    pub reads: &'a [View],
    /// The views to write, over `targets`.
    pub writes: &'a [View],
    /// Buffers to read.
    pub sources: &'a [&'b [T]],
    /// Buffers to write.
    pub targets: &'a mut [&'b mut [T]],
}

/// Views up to one.
fn count_to(view: usize) -> usize {
    view.checked_add(1).expect("a view is in a list")
}

/// No register.
pub(crate) const NONE: usize = usize::MAX;

impl Chain {
    /// A chain of these steps.
    ///
    /// # Panics
    /// If a step uses a later one, or a view that no list has.
    pub fn new(steps: Vec<Step>) -> Self {
        let mut last_use = vec![0; steps.len()];
        let (mut reads, mut writes) = (0, 0);
        for (index, step) in steps.iter().enumerate() {
            for source in &step.sources[..step.function.arity()] {
                match *source {
                    Source::Read(view) => reads = reads.max(count_to(view)),
                    Source::Step(earlier) => {
                        assert!(earlier < index, "step {index} uses step {earlier}");
                        last_use[earlier] = index;
                    }
                    Source::Constant(_) => {}
                }
            }
            match step.output {
                Output::Store(view) | Output::Add(view) => writes = writes.max(count_to(view)),
                Output::Nothing => {}
            }
        }
        let mut registers = vec![NONE; steps.len()];
        let mut free: Vec<usize> = Vec::new();
        let mut count = 0;
        for (index, step) in steps.iter().enumerate() {
            let elsewhere = match step.output {
                Output::Store(_) => true,
                Output::Add(_) => last_use[index] == 0,
                Output::Nothing => false,
            };
            if !elsewhere {
                registers[index] = free.pop().unwrap_or_else(|| {
                    count += 1;
                    count - 1
                });
            }
            // A result may reuse the register of an operand only from the step after the operand's last use: summing up
            // reads its register after it was written.
            for earlier in 0..=index {
                let ends = if earlier == index {
                    last_use[index] == 0
                } else {
                    last_use[earlier] == index && earlier < index
                };
                if ends && registers[earlier] != NONE {
                    free.push(registers[earlier]);
                }
            }
        }
        let additive = Additive::find(&steps);
        Self { steps, registers, register_count: count, reads, writes, additive }
    }

    /// Its steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

impl<T> ChainOperands<'_, '_, T> {
    /// # Panics
    /// If a view is missing, lies outside of its buffer or has a wrong last stride, or there are too many dimensions.
    pub(crate) fn check(&self, chain: &Chain) {
        assert!((1..=MAX_DIMS).contains(&self.dims.len()), "a chain over {} dimensions", self.dims.len());
        assert!(chain.reads <= self.reads.len() && chain.writes <= self.writes.len(), "a view is missing");
        let fits = |view: &View| self.fits(view, self.length(view.buffer));
        assert!(self.reads.iter().all(fits), "a view exceeds its buffer");
        let fits = |view: &View| self.fits(view, self.target(view.buffer));
        assert!(self.writes.iter().all(fits), "a view exceeds its buffer");
    }

    /// Elements of a buffer to read.
    pub(crate) fn length(&self, buffer: usize) -> usize {
        match buffer.checked_sub(self.sources.len()) {
            Some(target) => self.target(target),
            None => self.sources[buffer].len(),
        }
    }

    /// Elements of a buffer to write.
    pub(crate) fn target(&self, buffer: usize) -> usize {
        self.targets.get(buffer).map_or(0, |data| data.len())
    }

    fn fits(&self, view: &View, length: usize) -> bool {
        if self.dims.contains(&0) {
            return true;
        }
        let mut last = Some(view.offset);
        for (&dim, &stride) in self.dims.iter().zip(&view.strides) {
            last = last.and_then(|last| (dim - 1).checked_mul(stride)?.checked_add(last));
        }
        last.is_some_and(|last| last < length) && view.strides[self.dims.len() - 1] <= 1
    }
}
