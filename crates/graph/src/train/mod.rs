//! Training, evaluation and prediction over whole data sets.

mod batch;
mod carry;
mod constrain;
mod dataset;
mod event;
mod feed;
mod fit;
mod gradients;
mod group;
mod new_weights;
mod norms;
mod options;
mod order;
mod predict;
mod progress;
mod ranks;
mod spec;
mod step;
mod summary;
mod tally;
mod trainer;
mod update;

pub use batch::Batch;
pub use dataset::Dataset;
pub use event::{Control, Event, Logs};
pub use feed::{Feed, Portion, Room};
pub use fit::{OnEvent, Source};
pub use gradients::GradientReport;
pub use group::{Group, Parcels};
pub use new_weights::{NewWeights, Piece};
pub use options::FitOptions;
pub use progress::Progress;
pub use spec::{Factors, LossSpec, MetricSpec, Replacement, TrainSpec};
pub use summary::{Average, Measure, Share, Summary};
pub use trainer::{Snapshot, Trainer};
