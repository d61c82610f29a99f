// Written by scripts/generate/tasks.mjs from the tables of options.

import type { Callback } from '../callbacks/callback.js'
import type { Schedule } from '../optimizers/schedule.js'
import type { Tokenizer } from '../text/tokenizer.js'
import type { LabelledText } from './classifier/rows.js'
import type { Level, Writing } from './decoding/units.js'
import type { Covariates } from './forecaster/options.js'
import type { GeneratorEpoch, GeneratorProgress } from './generator/options.js'
import type { TaskCell } from './shared/cell.js'
import type { LabelWeights } from './shared/classWeights.js'
import type { Encoder } from './shared/encoder.js'
import type { Rows } from './shared/rows.js'
import type { ClassifierEpoch, ClassifierProgress, TaskEpoch, TaskProgress } from './shared/training.js'
import type { TaggedTokens } from './tagger/index.js'
import type { LanguageModel } from './transcriber/options.js'
import type { TranslationRow } from './translator/rows.js'

/** How a question answerer is built. */
export interface QuestionAnswererOptions {
  /**
   * The recurrent cell: by its name in `layers` or `cells`, or what `cells.*` or `defineCell` makes, whose sizes are
   * its own; default `'gru'`.
   */
  readonly cell?: TaskCell
  /** The size of a recurrent layer's state, in each direction; default 64. */
  readonly units?: number
  /** The size of a word's vector; default 64. */
  readonly embedding?: number
  /** The rate of dropout after the embedding; default 0. */
  readonly dropout?: number
  /** How often to look at the story; answers that follow from several facts need as many hops; default 1. */
  readonly hops?: number
  /** How often a word must occur in the training rows to be known; default 2. */
  readonly minFrequency?: number
  /**
   * A trained `LanguageEncoder`, or the folder of a saved one, whose embedding and recurrent layers the model begins
   * with: `cell`, `units`, `embedding`, the recurrent layers and, besides those of the training rows, words are those
   * of the encoder. Default none.
   */
  readonly encoder?: Encoder
  /**
   * The seed of the initial weights, the split, the words that are hidden in training, and the order of training;
   * default 0.
   */
  readonly seed?: number
}

/** How a captioner is built. */
export interface CaptionerOptions {
  /** The side of the square patches that images are cut into, in pixels; default 8. */
  readonly patchSize?: number
  /**
   * The distance between patches, in pixels; if it is less than `patchSize`, which it must divide, patches overlap;
   * default `patchSize`.
   */
  readonly patchStride?: number
  /** The number of dense layers that a patch passes through; default 2. */
  readonly frontLayers?: number
  /** The size of the annotation vector that a patch becomes; default 128. */
  readonly annotationSize?: number
  /** The size of the decoder's state and of its attention's hidden layer; default 256. */
  readonly units?: number
  /** The size of a token's vector; default 128. */
  readonly embedding?: number
  /** The rate of dropout after the embedding and before the choice of tokens; default 0.2. */
  readonly dropout?: number
  /**
   * The factor λ of the doubly stochastic penalty, which makes a caption look at every patch about once; 0 for none;
   * default 0.
   */
  readonly attentionPenalty?: number
  /**
   * How captions are cut into tokens: `'word'` (words and punctuation), `'character'`, or as a tokenizer does. Arrays
   * are tokens already. Default `'word'`.
   */
  readonly tokenizer?: Level
  /** Whether a tokenizer built from the rows lowercases captions; default false. */
  readonly lowercase?: boolean
  /** The most tokens of a vocabulary built from the training rows; default 20000. */
  readonly maxVocabulary?: number
  /** How often a token must occur in the training rows to be in the vocabulary; default 1. */
  readonly minFrequency?: number
  /** The most tokens that are read of a caption; the rest is ignored; default 100. */
  readonly maxLength?: number
  /** The seed of the initial weights, the split, dropout and the order of training; default 0. */
  readonly seed?: number
}

/** How a text classifier is built. */
export interface TextClassifierOptions {
  /**
   * The recurrent cell: by its name in `layers` or `cells`, or what `cells.*` or `defineCell` makes, whose sizes are
   * its own; default `'lstm'`.
   */
  readonly cell?: TaskCell
  /** Whether every recurrent layer reads in both directions; default true. */
  readonly bidirectional?: boolean
  /** The number of recurrent layers; default 1. */
  readonly layers?: number
  /** The size of a recurrent layer's state, in each direction; default 64. */
  readonly units?: number
  /** The size of a word's vector; default 64. */
  readonly embedding?: number
  /** The rate of dropout after the embedding and before the classification; default 0. */
  readonly dropout?: number
  /** The units that text is cut into. Characters and subwords are hardly ever unknown. Default `'word'`. */
  readonly tokens?: 'word' | 'character' | 'subword'
  /** A ready tokenizer; by default a vocabulary is built from the training rows. */
  readonly tokenizer?: Tokenizer
  /** The most tokens of a vocabulary built from the training rows; default 20000, for subwords 8192. */
  readonly maxVocabulary?: number
  /** How often a token must occur in the training rows to be in the vocabulary; default 1, for pairs of subwords 2. */
  readonly minFrequency?: number
  /** The most tokens that are read of a text; the rest is ignored; default 300, or the setting of a given tokenizer. */
  readonly maxLength?: number
  /**
   * A trained `LanguageEncoder`, or the folder of a saved one, whose embedding and recurrent layers the model begins
   * with: tokens, `cell`, `bidirectional`, `layers`, `units` and `embedding` are those of the encoder. Default none.
   */
  readonly encoder?: Encoder
  /** The seed of the initial weights, the split and the order of training; default 0. */
  readonly seed?: number
}

/** How a captioner is trained. Backups cannot be combined with scheduled sampling. */
export interface TrainDecoderOptions<Row> {
  /** How many passes over the rows to make; default 8, or as many as 400 training steps need. */
  readonly epochs?: number
  /** The number of rows in a training step; rows of similar lengths go together; default 64. */
  readonly batchSize?: number
  /**
   * Adam's learning rate, or a schedule of it. Gradients are clipped to a norm of 1. Default 0.002, falling to 0 on
   * half a cosine.
   */
  readonly learningRate?: number | Schedule
  /**
   * The share of the decoder's inputs that are its own guesses instead of the true words in the last epoch; from 0 in
   * the first it rises linearly (scheduled sampling, Bengio et al. 2015, arXiv 1506.03099). Guesses are made for all
   * steps at once, from the true words before, as an epoch begins (Duckworth et al. 2019, arXiv 1906.04331). Default 0.
   */
  readonly scheduledSampling?: number
  /**
   * The share of what is written about (sources, images), drawn at random by the seed, that is kept apart to measure
   * on, with all its rows; default 0.1, or 0 where that would be fewer than 20, which are too few to tell epochs apart.
   */
  readonly validationSplit?: number
  /** Rows to validate on instead. */
  readonly validationData?: Rows<Row>
  /**
   * Whether the weights of the epoch with the lowest validation loss (without validation, that of training) are put
   * back in the end; default true, but where the validation part is too small to tell epochs apart, the last epoch's
   * weights are kept, with a warning.
   */
  readonly restoreBest?: boolean
  /**
   * A folder for a backup, every minute and when the signal aborts: the same training started again goes on from it,
   * bit for bit. The backup is removed in the end, and nothing else that may be in the folder.
   */
  readonly backupDir?: string | URL
  /**
   * Whether to go on from a backup that is there. Otherwise the training begins anew, and its first backup replaces the
   * one that is there. Default true.
   */
  readonly resume?: boolean
  /**
   * Whether all processes that `mpirun` has started train together; with false, each trains for itself; default what
   * `configure` was told, or `SEQLOOM_DISTRIBUTED`.
   */
  readonly distributed?: boolean
  /**
   * When a model is trained further, the share of tokens in the new rows that its vocabulary may lack beyond what it
   * lacked in the first training; default 0.1.
   */
  readonly maxUnknown?: number
  /** Stops training: `train` rejects with an AbortError, and the task has the best weights so far. */
  readonly signal?: AbortSignal
  /**
   * Further callbacks for `fit`, such as `callbacks.dashboard()`, or one that changes a learning rate that was given as
   * a number; default none.
   */
  readonly callbacks?: Callback | readonly Callback[]
  /** Called as batches end; quick batches may be reported together. */
  readonly onProgress?: (progress: TaskProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: TaskEpoch) => void | Promise<void>
}

/** How texts are written by beam search. */
export interface WriteOptions {
  /** How many hypotheses to keep; 1 is greedy search; default 4. */
  readonly beamWidth?: number
  /** How many texts to return per row, at most `beamWidth`; all but the best one as `alternatives`; default 1. */
  readonly nBest?: number
  /** The exponent of the length normalisation, as in `beamSearch`; default 0.6. */
  readonly lengthPenalty?: number
  /** The most tokens of a text; default one and a half times the longest in training. */
  readonly maxLength?: number
  /** Whether to return what each token attends to; default false. */
  readonly alignments?: boolean
  /** Stops the call, which rejects with an AbortError. */
  readonly signal?: AbortSignal
}

/** How a forecaster is built. */
export interface ForecasterOptions<
  Name extends string = string,
  Time extends string = string,
  Group extends string = string,
> {
  /**
   * The names of the variables to forecast: in the order of a row's values, or with `time` the names of their fields;
   * default `['value']`.
   */
  readonly variables?: readonly Name[]
  /**
   * The field with the time of a row: ISO dates (`'2024-01-31'`, `'2024-01'`, `'2024-Q1'`, with a time and a zone if
   * need be), Dates, milliseconds since 1970, or plain numbers. Rows may come in any order; the interval between them
   * (hours, days, business days, weeks, months, …) is found from the data. By default series are arrays in
   * chronological order.
   */
  readonly time?: Time
  /**
   * The field that distinguishes several series; one model learns from all of them. Needs `time`; by default there is
   * one series.
   */
  readonly group?: Group
  /** Other fields that help to forecast. They need `time`. Default none. */
  readonly covariates?: Covariates
  /**
   * Whether to use weekday, time of day, day of the year, month or quarter of dates, each if training spans it at least
   * twice; default true.
   */
  readonly calendar?: boolean
  /**
   * What to do with missing steps and values (null or NaN): `'none'` refuses them, `'linear'` interpolates between
   * their neighbours, `'last'` repeats the last value, `'mask'` tells the network that they are missing and does not
   * learn them. Missing covariates repeat the last value. Default `'none'`.
   */
  readonly fill?: 'none' | 'linear' | 'last' | 'mask'
  /** How many steps ahead to forecast; default 1. */
  readonly horizon?: number
  /** The share of values that intervals should cover, between 0 and 1; default 0.9. */
  readonly interval?: number
  /** How many steps a training sequence has: training looks no further back; default 64. */
  readonly window?: number
  /**
   * How values are transformed before learning: not at all, by their logarithm (for values above 0), or by their root
   * or log(1 + value) (for values that are never negative). `'auto'` takes the logarithm of a variable if all its
   * training values are above 0 and a linear forecast of the last third of them is better with it, else the values as
   * they are; smaller values that come later are not an error. Default `'auto'`.
   */
  readonly transform?: 'auto' | 'none' | 'sqrt' | 'log' | 'log1p'
  /**
   * The recurrent cell: by its name in `layers` or `cells`, or what `cells.*` or `defineCell` makes, whose sizes are
   * its own; default `'gru'`.
   */
  readonly cell?: TaskCell
  /** The number of recurrent layers; default 1. */
  readonly layers?: number
  /** The size of a recurrent layer's state; default 32. */
  readonly units?: number
  /** The rate of dropout before the output; default 0. */
  readonly dropout?: number
  /** The seed of the initial weights and of the order of training; default 0. */
  readonly seed?: number
}

/** How a forecaster is trained. */
export interface TrainForecasterOptions {
  /**
   * How many passes over the windows to make; default 40, or 20 with covariates or a calendar; more if little data
   * would give fewer than 600 training steps (700 with covariates or a calendar).
   */
  readonly epochs?: number
  /**
   * The number of windows in a training step; default 32, or 16 with covariates or a calendar; an eighth of all windows
   * if that is less.
   */
  readonly batchSize?: number
  /** Adam's learning rate, or a schedule of it; default 0.003, or 0.005 with covariates or a calendar. */
  readonly learningRate?: number | Schedule
  /**
   * The share of each series, from its end, that is held out for validation: at least the horizon, forecast from the
   * values before it, as in use. Default 0.1; nothing from series that would be left with less than three times as
   * much, or if it is too little to tell epochs apart.
   */
  readonly validationSplit?: number
  /**
   * Whether to restore the weights of the epoch with the lowest validation loss (without validation, training loss) in
   * the end; default true, but the last epoch is kept if fewer than 10 values were held out.
   */
  readonly restoreBest?: boolean
  /**
   * A folder for a backup, every minute and when the signal aborts: the same training started again goes on from it,
   * bit for bit. The backup is removed in the end, and nothing else that may be in the folder.
   */
  readonly backupDir?: string | URL
  /**
   * Whether to go on from a backup that is there. Otherwise the training begins anew, and its first backup replaces the
   * one that is there. Default true.
   */
  readonly resume?: boolean
  /**
   * Whether all processes that `mpirun` has started train together; with false, each trains for itself; default what
   * `configure` was told, or `SEQLOOM_DISTRIBUTED`.
   */
  readonly distributed?: boolean
  /** Stops training: `train` rejects with an AbortError, and the forecaster has the best weights so far. */
  readonly signal?: AbortSignal
  /**
   * Further callbacks for `fit`, such as `callbacks.dashboard()`, or one that changes a learning rate that was given as
   * a number; default none.
   */
  readonly callbacks?: Callback | readonly Callback[]
  /** Called as batches end; quick batches may be reported together. */
  readonly onProgress?: (progress: TaskProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: TaskEpoch) => void | Promise<void>
}

/** How a text generator is built. */
export interface TextGeneratorOptions {
  /** The units that text is cut into; default `'character'`. */
  readonly tokens?: 'character' | 'word' | 'subword'
  /** A ready tokenizer; by default a vocabulary is built from the training text. */
  readonly tokenizer?: Tokenizer
  /** The most tokens of a vocabulary built from the training text; default 20000, for subwords 8192. */
  readonly maxVocabulary?: number
  /**
   * The recurrent cell: by its name in `layers` or `cells`, or what `cells.*` or `defineCell` makes, whose sizes are
   * its own; default `'lstm'`.
   */
  readonly cell?: TaskCell
  /** The number of recurrent layers; default 2. */
  readonly layers?: number
  /** The size of a recurrent layer's state; default 256. */
  readonly units?: number
  /** The size of a token's vector; default 64. */
  readonly embedding?: number
  /** The rate of dropout between the recurrent layers; default 0.2. */
  readonly dropout?: number
  /** Whether the output layer uses the vectors of the tokens, too; default false. */
  readonly tied?: boolean
  /**
   * A trained `LanguageEncoder`, or the folder of a saved one, whose embedding and recurrent layers the model begins
   * with: tokens, `cell`, `layers`, `units`, `embedding` and the output layer, which is `tied`; its objective must be
   * `'nextToken'`, its layers read forwards only are those of the encoder. Default none.
   */
  readonly encoder?: Encoder
  /** The seed of the initial weights and of dropout; default 0. */
  readonly seed?: number
}

/** How a text generator is trained. */
export interface TrainGeneratorOptions {
  /** How many passes over the text to make; default 10, or as many as 400 training steps need. */
  readonly epochs?: number
  /** How many parts of the text are read side by side; default 64, or fewer for a short text. */
  readonly batchSize?: number
  /**
   * How many tokens are read before each training step, through which errors are propagated back; states are carried
   * from step to step. Default 100, or fewer for a short text.
   */
  readonly time?: number
  /** Adam's initial learning rate, which falls to 0 on half a cosine, or a schedule; default 0.004. */
  readonly learningRate?: number | Schedule
  /**
   * The share of the text, from its end, that is held out for validation; default 0.1, or 0 if that would be fewer than
   * 100 tokens, which are too few to tell epochs apart.
   */
  readonly validationSplit?: number
  /**
   * Whether the weights of the epoch with the lowest loss (on the validation part, if there is one) are put back in the
   * end; default true, but where the validation part is too small to tell epochs apart, the last epoch's weights are
   * kept, with a warning.
   */
  readonly restoreBest?: boolean
  /**
   * After how many epochs each further layer of an `encoder` is trained, too: first only what follows it, then its last
   * layer, in the end its embedding (arXiv 1801.06146). 0 trains all from the beginning. Default 0, since all layers
   * begin with the encoder.
   */
  readonly unfreezeEvery?: number
  /**
   * How much slower each lower layer of an `encoder` learns than the one above it: its learning rate is this share of
   * the rate there, the last layer's this share of the rate of what follows it (discriminative fine-tuning, arXiv
   * 1801.06146, which has 1 / 2.6). 1 trains all at one rate. Default 1.
   */
  readonly layerDecay?: number
  /**
   * A folder for a backup, every minute and when the signal aborts: the same training started again goes on from it,
   * bit for bit. The backup is removed in the end, and nothing else that may be in the folder.
   */
  readonly backupDir?: string | URL
  /**
   * Whether to go on from a backup that is there. Otherwise the training begins anew, and its first backup replaces the
   * one that is there. Default true.
   */
  readonly resume?: boolean
  /**
   * Whether all processes that `mpirun` has started train together; with false, each trains for itself; default what
   * `configure` was told, or `SEQLOOM_DISTRIBUTED`.
   */
  readonly distributed?: boolean
  /**
   * When a model is trained further, the share of tokens in the new text that its vocabulary may lack beyond what it
   * lacked in the first training; default 0.1.
   */
  readonly maxUnknown?: number
  /** Stops training: `train` rejects with an AbortError, and the generator has the best weights so far. */
  readonly signal?: AbortSignal
  /**
   * Further callbacks for `fit`, such as `callbacks.dashboard()`, or one that changes a learning rate that was given as
   * a number; default none.
   */
  readonly callbacks?: Callback | readonly Callback[]
  /** Called as batches end; quick batches may be reported together. */
  readonly onProgress?: (progress: GeneratorProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: GeneratorEpoch) => void | Promise<void>
}

/** How a language encoder is built. */
export interface LanguageEncoderOptions {
  /**
   * What is predicted: tokens that were hidden, 15 % of a text, from all others (arXiv 1810.04805); or the token that
   * follows. Of one layer in both directions, each direction predicts the token that it reads next on its own (arXiv
   * 1802.05365). Default `'masked'`.
   */
  readonly objective?: 'masked' | 'nextToken'
  /**
   * The recurrent cell: by its name in `layers` or `cells`, or what `cells.*` or `defineCell` makes, whose sizes are
   * its own; default `'lstm'`.
   */
  readonly cell?: TaskCell
  /** Whether every recurrent layer reads in both directions; default true. */
  readonly bidirectional?: boolean
  /** The number of recurrent layers; default 1. */
  readonly layers?: number
  /** The size of a recurrent layer's state, in each direction; default 64. */
  readonly units?: number
  /** The size of a word's vector; default 64. */
  readonly embedding?: number
  /** The rate of dropout after the embedding and before the prediction; default 0.1. */
  readonly dropout?: number
  /** The units that text is cut into. Characters and subwords are hardly ever unknown. Default `'word'`. */
  readonly tokens?: 'word' | 'character' | 'subword'
  /** A ready tokenizer; by default a vocabulary is built from the training rows. */
  readonly tokenizer?: Tokenizer
  /** The most tokens of a vocabulary built from the training rows; default 20000, for subwords 8192. */
  readonly maxVocabulary?: number
  /**
   * How often a token must occur in the training texts to be told apart from unknown ones; default 2, so that there are
   * unknown ones to learn from, or 1 where that would leave more than a quarter of the tokens unknown.
   */
  readonly minFrequency?: number
  /** The most tokens that are read of a text; the rest is ignored; default 300, or the setting of a given tokenizer. */
  readonly maxLength?: number
  /** The seed of the initial weights, the split, what is hidden and the order of training; default 0. */
  readonly seed?: number
}

/** How a language encoder is trained. */
export interface TrainLanguageEncoderOptions {
  /** How many passes over the rows to make; default 30, or as many as 400 training steps need. */
  readonly epochs?: number
  /** The number of texts in a training step; default 32. */
  readonly batchSize?: number
  /** Adam's initial learning rate, which falls to 0 on half a cosine, or a schedule; default 0.004. */
  readonly learningRate?: number | Schedule
  /**
   * The share of the texts that is kept apart to measure on, drawn by the seed, equal texts together; default 0.1, or 0
   * where that would be fewer than 20 different texts, which are too few to tell epochs apart.
   */
  readonly validationSplit?: number
  /** Texts to validate on instead. */
  readonly validationData?: readonly Writing[]
  /**
   * Whether the weights of the epoch with the lowest validation loss (without validation, that of training) are put
   * back in the end; default true, but where the validation part is too small to tell epochs apart, the last epoch's
   * weights are kept, with a warning.
   */
  readonly restoreBest?: boolean
  /**
   * A folder for a backup, every minute and when the signal aborts: the same training started again goes on from it,
   * bit for bit. The backup is removed in the end, and nothing else that may be in the folder.
   */
  readonly backupDir?: string | URL
  /**
   * Whether to go on from a backup that is there. Otherwise the training begins anew, and its first backup replaces the
   * one that is there. Default true.
   */
  readonly resume?: boolean
  /**
   * Whether all processes that `mpirun` has started train together; with false, each trains for itself; default what
   * `configure` was told, or `SEQLOOM_DISTRIBUTED`.
   */
  readonly distributed?: boolean
  /**
   * When a model is trained further, the share of tokens in the new texts that its vocabulary may lack beyond what it
   * lacked in the first training; default 0.1.
   */
  readonly maxUnknown?: number
  /** Stops training: `train` rejects with an AbortError, and the language encoder has the best weights so far. */
  readonly signal?: AbortSignal
  /**
   * Further callbacks for `fit`, such as `callbacks.dashboard()`, or one that changes a learning rate that was given as
   * a number; default none.
   */
  readonly callbacks?: Callback | readonly Callback[]
  /** Called as batches end; quick batches may be reported together. */
  readonly onProgress?: (progress: TaskProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: TaskEpoch) => void | Promise<void>
}

/** How many texts are processed at once, and what stops it. */
export interface PredictTextsOptions {
  /** The number of texts that are processed at once; default 32. */
  readonly batchSize?: number
  /** Stops the call, which rejects with an AbortError. */
  readonly signal?: AbortSignal
}

/** How a classifier is trained. */
export interface TrainClassifierOptions<Row = LabelledText> {
  /** How many passes over the rows to make; default 8, or as many as 400 training steps need. */
  readonly epochs?: number
  /** The number of rows in a training step; default 32. */
  readonly batchSize?: number
  /** Adam's learning rate, or a schedule of it; default 0.001. */
  readonly learningRate?: number | Schedule
  /**
   * The share of the rows that is kept apart to measure on: drawn by the seed, from every class in proportion, equal
   * rows together; every class keeps a row to train on. Default 0.1, or 0 where that is too little to tell epochs
   * apart: fewer than 20 different rows, or than 5 labels for each class.
   */
  readonly validationSplit?: number
  /** Rows to validate on instead. */
  readonly validationData?: Rows<Row>
  /**
   * Factors of the loss by label, in training only, or `'balanced'`, with which all labels weigh the same: `{ spam: 5
   * }`; default 1.
   */
  readonly classWeight?: LabelWeights
  /**
   * Whether the weights of the epoch with the best validation accuracy (of equals, the lowest loss; without validation,
   * those of training) are put back in the end; default true, but where the validation part is too small to tell epochs
   * apart, the last epoch's weights are kept, with a warning.
   */
  readonly restoreBest?: boolean
  /**
   * After how many epochs each further layer of an `encoder` is trained, too: first only what follows it, then its last
   * layer, in the end its embedding (arXiv 1801.06146). 0 trains all from the beginning. Default 1.
   */
  readonly unfreezeEvery?: number
  /**
   * How much slower each lower layer of an `encoder` learns than the one above it: its learning rate is this share of
   * the rate there, the last layer's this share of the rate of what follows it (discriminative fine-tuning, arXiv
   * 1801.06146, which has 1 / 2.6). 1 trains all at one rate. Default 1.
   */
  readonly layerDecay?: number
  /**
   * A folder for a backup, every minute and when the signal aborts: the same training started again goes on from it,
   * bit for bit. The backup is removed in the end, and nothing else that may be in the folder.
   */
  readonly backupDir?: string | URL
  /**
   * Whether to go on from a backup that is there. Otherwise the training begins anew, and its first backup replaces the
   * one that is there. Default true.
   */
  readonly resume?: boolean
  /**
   * Whether all processes that `mpirun` has started train together; with false, each trains for itself; default what
   * `configure` was told, or `SEQLOOM_DISTRIBUTED`.
   */
  readonly distributed?: boolean
  /** Stops training: `train` rejects with an AbortError, and the classifier has the best weights so far. */
  readonly signal?: AbortSignal
  /**
   * Further callbacks for `fit`, such as `callbacks.dashboard()`, or one that changes a learning rate that was given as
   * a number; default none.
   */
  readonly callbacks?: Callback | readonly Callback[]
  /** Called as batches end; quick batches may be reported together. */
  readonly onProgress?: (progress: ClassifierProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: ClassifierEpoch) => void | Promise<void>
  /**
   * When a model is trained further, the share of tokens in the new rows that its vocabulary may lack beyond what it
   * lacked in the first training; default 0.1.
   */
  readonly maxUnknown?: number
}

/** How a tagger or a question answerer is trained. */
export interface TrainTaggerOptions<Row = TaggedTokens> {
  /** How many passes over the rows to make; default 8, or as many as 400 training steps need. */
  readonly epochs?: number
  /** The number of rows in a training step; default 32. */
  readonly batchSize?: number
  /** Adam's learning rate, or a schedule of it; default 0.001. */
  readonly learningRate?: number | Schedule
  /**
   * The share of the rows that is kept apart to measure on: drawn by the seed, from every class in proportion, equal
   * rows together; every class keeps a row to train on. Default 0.1, or 0 where that is too little to tell epochs
   * apart: fewer than 20 different rows, or than 5 labels for each class.
   */
  readonly validationSplit?: number
  /** Rows to validate on instead. */
  readonly validationData?: Rows<Row>
  /**
   * Factors of the loss by label, in training only, or `'balanced'`, with which all labels weigh the same: `{ spam: 5
   * }`; default 1.
   */
  readonly classWeight?: LabelWeights
  /**
   * Whether the weights of the epoch with the best validation accuracy (of equals, the lowest loss; without validation,
   * those of training) are put back in the end; default true, but where the validation part is too small to tell epochs
   * apart, the last epoch's weights are kept, with a warning.
   */
  readonly restoreBest?: boolean
  /**
   * After how many epochs each further layer of an `encoder` is trained, too: first only what follows it, then its last
   * layer, in the end its embedding (arXiv 1801.06146). 0 trains all from the beginning. Default 1.
   */
  readonly unfreezeEvery?: number
  /**
   * How much slower each lower layer of an `encoder` learns than the one above it: its learning rate is this share of
   * the rate there, the last layer's this share of the rate of what follows it (discriminative fine-tuning, arXiv
   * 1801.06146, which has 1 / 2.6). 1 trains all at one rate. Default 1.
   */
  readonly layerDecay?: number
  /**
   * A folder for a backup, every minute and when the signal aborts: the same training started again goes on from it,
   * bit for bit. The backup is removed in the end, and nothing else that may be in the folder.
   */
  readonly backupDir?: string | URL
  /**
   * Whether to go on from a backup that is there. Otherwise the training begins anew, and its first backup replaces the
   * one that is there. Default true.
   */
  readonly resume?: boolean
  /**
   * Whether all processes that `mpirun` has started train together; with false, each trains for itself; default what
   * `configure` was told, or `SEQLOOM_DISTRIBUTED`.
   */
  readonly distributed?: boolean
  /** Stops training: `train` rejects with an AbortError, and the classifier has the best weights so far. */
  readonly signal?: AbortSignal
  /**
   * Further callbacks for `fit`, such as `callbacks.dashboard()`, or one that changes a learning rate that was given as
   * a number; default none.
   */
  readonly callbacks?: Callback | readonly Callback[]
  /** Called as batches end; quick batches may be reported together. */
  readonly onProgress?: (progress: ClassifierProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: ClassifierEpoch) => void | Promise<void>
}

/** How a tagger is built. */
export interface SequenceTaggerOptions {
  /**
   * The recurrent cell: by its name in `layers` or `cells`, or what `cells.*` or `defineCell` makes, whose sizes are
   * its own; default `'lstm'`.
   */
  readonly cell?: TaskCell
  /** Whether every recurrent layer reads in both directions; default true. */
  readonly bidirectional?: boolean
  /** The number of recurrent layers; default 1. */
  readonly layers?: number
  /** The size of a recurrent layer's state, in each direction; default 64. */
  readonly units?: number
  /** The size of a word's vector; default 64. */
  readonly embedding?: number
  /** The rate of dropout after the embedding and before the classification; default 0. */
  readonly dropout?: number
  /**
   * Whether a conditional random field learns which tag follows which, so that sequences of tags are predicted as a
   * whole. If the tags mark entities by a scheme (BIO, IOB, BIOES, BILOU, BMES) and all training rows keep to it, so do
   * all predictions. Default false.
   */
  readonly crf?: boolean
  /** Whether a small network reads each token's characters, so that unknown tokens are not all alike; default false. */
  readonly characters?: boolean
  /**
   * What else is given of every token: `features` of a row has an array under each of these names, of texts, booleans
   * or numbers; default none.
   */
  readonly features?: readonly string[]
  /**
   * A file of pretrained word vectors, which `interop.loadWordVectors` reads, too; they are trained further. Its first
   * 100,000 words are known besides those of the training rows, and `embedding` is as large as its vectors.
   */
  readonly wordVectors?: string | URL
  /**
   * How often a token must occur in the training rows to be told apart from unknown ones; default 2, so that there are
   * unknown ones to learn from, or 1 where that would leave more than a quarter of the tokens unknown.
   */
  readonly minFrequency?: number
  /**
   * A trained `LanguageEncoder`, or the folder of a saved one, whose embedding and recurrent layers the model begins
   * with: `cell`, `bidirectional`, `layers`, `units`, `embedding` and, besides those of the training rows, words are
   * those of the encoder. Default none.
   */
  readonly encoder?: Encoder
  /** The seed of the initial weights, the split and the order of training; default 0. */
  readonly seed?: number
}

/** How a transcriber is trained. */
export interface TrainTranscriberOptions<Row> {
  /** How many passes over the rows to make; default 20, or as many as 400 training steps need. */
  readonly epochs?: number
  /** The number of rows in a training step; rows of similar lengths go together; default 16. */
  readonly batchSize?: number
  /**
   * Adam's learning rate, or a schedule of it. Gradients are clipped to a norm of 1. Default 0.003, falling to 0 on
   * half a cosine.
   */
  readonly learningRate?: number | Schedule
  /**
   * The share of the rows, drawn at random by the seed, that is kept apart to measure on; default 0.1, or 0 where that
   * would be fewer than 20, which are too few to tell epochs apart.
   */
  readonly validationSplit?: number
  /** Rows to validate on instead. */
  readonly validationData?: Rows<Row>
  /**
   * Whether the weights of the epoch with the lowest validation loss (without validation, that of training) are put
   * back in the end; default true, but where the validation part is too small to tell epochs apart, the last epoch's
   * weights are kept, with a warning.
   */
  readonly restoreBest?: boolean
  /**
   * A folder for a backup, every minute and when the signal aborts: the same training started again goes on from it,
   * bit for bit. The backup is removed in the end, and nothing else that may be in the folder.
   */
  readonly backupDir?: string | URL
  /**
   * Whether to go on from a backup that is there. Otherwise the training begins anew, and its first backup replaces the
   * one that is there. Default true.
   */
  readonly resume?: boolean
  /**
   * Whether all processes that `mpirun` has started train together; with false, each trains for itself; default what
   * `configure` was told, or `SEQLOOM_DISTRIBUTED`.
   */
  readonly distributed?: boolean
  /** Stops training: `train` rejects with an AbortError, and the transcriber has the best weights so far. */
  readonly signal?: AbortSignal
  /**
   * Further callbacks for `fit`, such as `callbacks.dashboard()`, or one that changes a learning rate that was given as
   * a number; default none.
   */
  readonly callbacks?: Callback | readonly Callback[]
  /** Called as batches end; quick batches may be reported together. */
  readonly onProgress?: (progress: TaskProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: TaskEpoch) => void | Promise<void>
}

/** How texts are searched for. */
export interface TranscribeOptions {
  /**
   * How many prefixes are kept at each step; 1 takes the most probable token of each step; default 1, with
   * `languageModel` 16.
   */
  readonly beamWidth?: number
  /** How many texts to return per row, at most `beamWidth`; all but the best one as `alternatives`; default 1. */
  readonly nBest?: number
  /**
   * What scores each token by those before: a trained text generator of characters, or a function, as for
   * `text.ctcDecode`, of the ids of tokens.
   */
  readonly languageModel?: LanguageModel
  /** The factor of these scores; default 0.5. */
  readonly languageModelWeight?: number
  /** What each token adds to the score, so that a language model does not prefer short texts; default 0. */
  readonly insertionBonus?: number
  /** The number of rows that are processed at once; default 32. */
  readonly batchSize?: number
  /** Stops the call, which rejects with an AbortError. */
  readonly signal?: AbortSignal
}

/** How a transcriber is built. */
export interface TranscriberOptions {
  /**
   * How tokens are written. With connectionist temporal classification each step decides for itself, which is fast; an
   * RNN transducer also reads the tokens so far, and may write several at a step; default `'ctc'`.
   */
  readonly method?: 'ctc' | 'transducer'
  /**
   * How many frames make one step of the model. With more, it is faster and sees longer stretches; with `ctc` a text
   * must not have more tokens than there are steps; default 1.
   */
  readonly stackFrames?: number
  /**
   * The recurrent cell: by its name in `layers` or `cells`, or what `cells.*` or `defineCell` makes, whose sizes are
   * its own; default `'lstm'`.
   */
  readonly cell?: TaskCell
  /** Whether every recurrent layer reads in both directions; false for `stream`; default true. */
  readonly bidirectional?: boolean
  /** The number of recurrent layers; default 2. */
  readonly layers?: number
  /** The size of a recurrent layer's state, in each direction; default 96. */
  readonly units?: number
  /** The rate of dropout before every recurrent layer but the first, and after the last; default 0. */
  readonly dropout?: number
  /**
   * How texts are cut into tokens: `'character'`, `'word'` (words and punctuation), or as a tokenizer does. Arrays are
   * tokens already. Default `'character'`.
   */
  readonly tokenizer?: Level
  /** Whether a tokenizer built from the rows lowercases texts; default false. */
  readonly lowercase?: boolean
  /** The most tokens of a vocabulary built from the training rows; default 20000. */
  readonly maxVocabulary?: number
  /** How often a token must occur in the training rows to be in the vocabulary; default 1. */
  readonly minFrequency?: number
  /** The seed of the initial weights, the split and the order of training; default 0. */
  readonly seed?: number
}

/** How a translator is trained. Backups cannot be combined with scheduled sampling. */
export interface TrainTranslatorOptions<Row = TranslationRow> {
  /** How many passes over the rows to make; default 8, or as many as 400 training steps need. */
  readonly epochs?: number
  /** The number of rows in a training step; rows of similar lengths go together; default 64. */
  readonly batchSize?: number
  /**
   * Adam's learning rate, or a schedule of it. Gradients are clipped to a norm of 1. Default 0.002, falling to 0 on
   * half a cosine.
   */
  readonly learningRate?: number | Schedule
  /**
   * The share of the decoder's inputs that are its own guesses instead of the true words in the last epoch; from 0 in
   * the first it rises linearly (scheduled sampling, Bengio et al. 2015, arXiv 1506.03099). Guesses are made for all
   * steps at once, from the true words before, as an epoch begins (Duckworth et al. 2019, arXiv 1906.04331). Default 0.
   */
  readonly scheduledSampling?: number
  /**
   * The share of what is written about (sources, images), drawn at random by the seed, that is kept apart to measure
   * on, with all its rows; default 0.1, or 0 where that would be fewer than 20, which are too few to tell epochs apart.
   */
  readonly validationSplit?: number
  /** Rows to validate on instead. */
  readonly validationData?: Rows<Row>
  /**
   * Whether the weights of the epoch with the lowest validation loss (without validation, that of training) are put
   * back in the end; default true, but where the validation part is too small to tell epochs apart, the last epoch's
   * weights are kept, with a warning.
   */
  readonly restoreBest?: boolean
  /**
   * A folder for a backup, every minute and when the signal aborts: the same training started again goes on from it,
   * bit for bit. The backup is removed in the end, and nothing else that may be in the folder.
   */
  readonly backupDir?: string | URL
  /**
   * Whether to go on from a backup that is there. Otherwise the training begins anew, and its first backup replaces the
   * one that is there. Default true.
   */
  readonly resume?: boolean
  /**
   * Whether all processes that `mpirun` has started train together; with false, each trains for itself; default what
   * `configure` was told, or `SEQLOOM_DISTRIBUTED`.
   */
  readonly distributed?: boolean
  /**
   * When a model is trained further, the share of tokens in the new rows that its vocabulary may lack beyond what it
   * lacked in the first training; default 0.1.
   */
  readonly maxUnknown?: number
  /** Stops training: `train` rejects with an AbortError, and the task has the best weights so far. */
  readonly signal?: AbortSignal
  /**
   * Further callbacks for `fit`, such as `callbacks.dashboard()`, or one that changes a learning rate that was given as
   * a number; default none.
   */
  readonly callbacks?: Callback | readonly Callback[]
  /** Called as batches end; quick batches may be reported together. */
  readonly onProgress?: (progress: TaskProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: TaskEpoch) => void | Promise<void>
  /**
   * After how many epochs each further layer of an `encoder` is trained, too: first only what follows it, then its last
   * layer, in the end its embedding (arXiv 1801.06146). 0 trains all from the beginning. Default 1.
   */
  readonly unfreezeEvery?: number
  /**
   * How much slower each lower layer of an `encoder` learns than the one above it: its learning rate is this share of
   * the rate there, the last layer's this share of the rate of what follows it (discriminative fine-tuning, arXiv
   * 1801.06146, which has 1 / 2.6). 1 trains all at one rate. Default 1.
   */
  readonly layerDecay?: number
}

/** How a translator is built. */
export interface TranslatorOptions {
  /**
   * The recurrent cell of the encoder and, unless it is Bahdanau's, which has its own, of the decoder: by its name in
   * `layers` or `cells`, or what `cells.*` or `defineCell` makes, whose sizes are its own; default `'lstm'`.
   */
  readonly cell?: TaskCell
  /**
   * Bahdanau's attention inside of the decoder's recurrence, or Luong's after it, which takes less time a step but more
   * steps; default `'bahdanau'`.
   */
  readonly attention?: 'luong' | 'bahdanau'
  /** The number of recurrent layers of the encoder, and of the decoder; default 1. */
  readonly layers?: number
  /** The size of a recurrent layer's state; in the encoder, in each direction; default 256. */
  readonly units?: number
  /** The size of a token's vector; default 128. */
  readonly embedding?: number
  /** The rate of dropout after embeddings, between layers and before the choice of tokens; default 0.2. */
  readonly dropout?: number
  /**
   * How sources are cut into tokens: `'word'` (words and punctuation), `'character'`, or as a tokenizer does, of
   * subwords for example; default `'word'`.
   */
  readonly sourceTokenizer?: Level
  /** How targets are cut into tokens. The elements of arrays are already tokens. Default `'word'`. */
  readonly targetTokenizer?: Level
  /** Whether tokenizers built from the rows lowercase texts; default false. */
  readonly lowercase?: boolean
  /** The most tokens of each vocabulary built from the training rows; default 20000. */
  readonly maxVocabulary?: number
  /** How often a token must occur in the training rows to be in the vocabulary; default 1. */
  readonly minFrequency?: number
  /** The most tokens that are read of a text; the rest is ignored; default 100. */
  readonly maxLength?: number
  /**
   * A trained `LanguageEncoder`, or the folder of a saved one, whose embedding and recurrent layers the model begins
   * with: the sources' tokens, `cell`, `layers`, `units` and `embedding`; it must read in both directions, and the
   * decoder is as large are those of the encoder. Default none.
   */
  readonly encoder?: Encoder
  /** The seed of the initial weights, the split, dropout and the order of training; default 0. */
  readonly seed?: number
}
