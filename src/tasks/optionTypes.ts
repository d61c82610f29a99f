// Written by scripts/generate/tasks.mjs from the tables of options.

import type { Callback } from '../callbacks/callback.js'
import type { Schedule } from '../optimizers/schedules.js'
import type { Tokenizer } from '../text/tokenizer.js'
import type { LabelledText } from './classifier/rows.js'
import type { Level } from './decoding/units.js'
import type { Covariates } from './forecaster/options.js'
import type { GeneratorEpoch, GeneratorProgress } from './generator/options.js'
import type { LabelWeights } from './shared/classWeights.js'
import type { TaskEpoch, TaskProgress } from './shared/taskReports.js'
import type { ClassifierEpoch, ClassifierProgress } from './shared/training.js'

/** How a question answerer is built. */
export interface QuestionAnswererOptions {
  /** The size of a GRU's state, in each direction; default 64. */
  readonly units?: number
  /** The size of a word's vector; default 64. */
  readonly embedding?: number
  /** The rate of dropout after the embedding; default 0. */
  readonly dropout?: number
  /** How often the story is looked at; answers that follow from several facts need as many; default 1. */
  readonly hops?: number
  /** How often a word must occur in the training rows to be known; default 2. */
  readonly minFrequency?: number
  /**
   * The seed of the first weights, of the split, of the words that are hidden in training and of its order; default 0.
   */
  readonly seed?: number
}

/** How a captioner is built. */
export interface CaptionerOptions {
  /** The side of the square patches that images are cut into, in points; default 8. */
  readonly patchSize?: number
  /**
   * How far patches are apart, in points; less than `patchSize` lets them overlap, of which it must be a whole part.
   * Default `patchSize`.
   */
  readonly patchStride?: number
  /** The dense layers that a patch passes; default 2. */
  readonly frontLayers?: number
  /** The size of an annotation vector, which a patch becomes; default 128. */
  readonly annotationSize?: number
  /** The size of the decoder's state and of its attention's hidden layer; default 256. */
  readonly units?: number
  /** The size of a token's vector; default 128. */
  readonly embedding?: number
  /** The rate of dropout after the embedding and before the choice of tokens; default 0.2. */
  readonly dropout?: number
  /**
   * The factor λ of the doubly stochastic penalty, which makes a caption look at every place about once; 0 for none;
   * default 0.
   */
  readonly attentionPenalty?: number
  /**
   * How captions are cut into tokens: `'word'` (words and punctuation), `'character'`, or as a tokenizer does. Arrays
   * are tokens already. Default `'word'`.
   */
  readonly tokenizer?: Level
  /** Whether captions are lowercased by a tokenizer built from the rows; default false. */
  readonly lowercase?: boolean
  /** The most tokens of a vocabulary built from the training rows; default 20000. */
  readonly maxVocabulary?: number
  /** How often a token must occur in the training rows to be in the vocabulary; default 1. */
  readonly minFrequency?: number
  /** The most tokens that are read of a caption, the first ones; default 100. */
  readonly maxLength?: number
  /** The seed of the first weights, of the split, of dropout and of the order of training; default 0. */
  readonly seed?: number
}

/** How a text classifier is built. */
export interface TextClassifierOptions {
  /** The recurrent cell; default `'lstm'`. */
  readonly cell?: 'lstm' | 'gru' | 'simpleRNN'
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
  /** What text is cut into. Of characters and subwords none is ever unknown, or hardly any. Default `'word'`. */
  readonly tokens?: 'word' | 'character' | 'subword'
  /** A ready tokenizer; by default a vocabulary is built from the training rows. */
  readonly tokenizer?: Tokenizer
  /** The most tokens of a vocabulary built from the training rows; default 20000, of subwords 8192. */
  readonly maxVocabulary?: number
  /** How often a token must occur in the training rows to be in the vocabulary; default 1, of pairs of subwords 2. */
  readonly minFrequency?: number
  /** The most tokens that are read of a text, the first ones; default 300, or what a given tokenizer is set to. */
  readonly maxLength?: number
  /** The seed of the first weights, of the split and of the order of training; default 0. */
  readonly seed?: number
}

/** How a translator or a captioner is trained. Backups do not go with scheduled sampling. */
export interface TrainDecoderOptions<Row> {
  /** How often all rows are passed; default 8, or as many as 400 training steps need. */
  readonly epochs?: number
  /** How many rows a training step takes; rows of similar lengths go together; default 64. */
  readonly batchSize?: number
  /**
   * Adam's step, or a schedule of it. Gradients are clipped to a norm of 1. Default 0.002, falling to 0 on half a
   * cosine.
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
  /** Rows to measure on instead. */
  readonly validationData?: readonly Row[]
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
  /** Stops training: `train` rejects with an AbortError, and the task has the best weights so far. */
  readonly signal?: AbortSignal
  /** Further callbacks of `fit`, such as one that changes a learning rate that was given as a number; default none. */
  readonly callbacks?: Callback | readonly Callback[]
  /** Called as batches end; quick batches may be reported together. */
  readonly onProgress?: (progress: TaskProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: TaskEpoch) => void | Promise<void>
}

/** How texts are written by beam search. */
export interface WriteOptions {
  /** How many hypotheses go on side by side; 1 is greedy; default 4. */
  readonly beamWidth?: number
  /** How many texts to return for each row, the others as `alternatives`; at most `beamWidth`; default 1. */
  readonly nBest?: number
  /** The exponent of the length normalisation, as in `beamSearch`; default 0.6. */
  readonly lengthPenalty?: number
  /** The most tokens of a text; default half as many again as the longest of the training. */
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
  /** The names of the variables: the order of a row's values, or with `time` their fields; default `['value']`. */
  readonly variables?: readonly Name[]
  /**
   * The field that says when a row was: ISO dates (`'2024-01-31'`, `'2024-01'`, `'2024-Q1'`, with a time and a zone if
   * need be), Dates, milliseconds since 1970, or plain numbers. Rows may come in any order; how they follow each other
   * (hours, days, open weekdays, weeks, months, …) is found. By default series are arrays in the order of time.
   */
  readonly time?: Time
  /**
   * The field that tells series apart; one model learns from all of them. Needs `time`; by default there is one series.
   */
  readonly group?: Group
  /** Other fields that help to forecast. They need `time`. Default none. */
  readonly covariates?: Covariates
  /**
   * Whether weekday, time of day, day of the year, month or quarter are read off dates, as far as training spans them
   * twice; default true.
   */
  readonly calendar?: boolean
  /**
   * What becomes of missing steps and values (null or NaN): `'none'` refuses them, `'linear'` puts them on the line
   * between their neighbours, `'last'` repeats what was there last, `'mask'` tells the network that they are missing
   * and does not learn them. Covariates are repeated. Default `'none'`.
   */
  readonly fill?: 'none' | 'linear' | 'last' | 'mask'
  /** How many steps ahead are forecast; default 1. */
  readonly horizon?: number
  /** The share of values that intervals are to cover, between 0 and 1; default 0.9. */
  readonly interval?: number
  /** How many steps a training sequence has: what lies further back is not learned from; default 64. */
  readonly window?: number
  /**
   * What is learned from and forecast: values as they are, for values above 0 their logarithm, or for values that are
   * never negative their root or log(1 + value). `'auto'` takes for each variable the logarithm where all values
   * trained on are above 0 and a linear forecast of the last third of them does better with it, else values as they
   * are; smaller ones that come later are no error. Default `'auto'`.
   */
  readonly transform?: 'auto' | 'none' | 'sqrt' | 'log' | 'log1p'
  /** The recurrent cell; default `'gru'`. */
  readonly cell?: 'lstm' | 'gru' | 'simpleRNN'
  /** The number of recurrent layers; default 1. */
  readonly layers?: number
  /** The size of a recurrent layer's state; default 32. */
  readonly units?: number
  /** The rate of dropout before the output; default 0. */
  readonly dropout?: number
  /** The seed of the first weights and of the order of training; default 0. */
  readonly seed?: number
}

/** How a forecaster is trained. */
export interface TrainForecasterOptions {
  /**
   * How often all windows are passed; default 40, or with covariates or a calendar 20; as many more as few data need
   * for 600 training steps (700).
   */
  readonly epochs?: number
  /** How many windows a training step takes; default 32 (16), or an eighth of all of them if that is less. */
  readonly batchSize?: number
  /** Adam's step, or a schedule of it; default 0.003 (0.005). */
  readonly learningRate?: number | Schedule
  /**
   * The share of each series, from its end, that is kept apart to measure on: at least the horizon, forecast from what
   * lies before as in use. Default 0.1, and nothing of series that would be left with less than three times as much, or
   * if it is too little to tell epochs apart.
   */
  readonly validationSplit?: number
  /**
   * Whether the weights of the epoch with the lowest validation loss (without validation, training loss) are put back
   * in the end. Default true, but the last epoch is kept if fewer than 10 values were held out.
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
  /** Stops training: `train` rejects with an AbortError, and the forecaster has the best weights so far. */
  readonly signal?: AbortSignal
  /** Called as batches end; quick batches may be reported together. */
  readonly onProgress?: (progress: TaskProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: TaskEpoch) => void | Promise<void>
}

/** How a text generator is built. */
export interface TextGeneratorOptions {
  /** What text is cut into; default `'character'`. */
  readonly tokens?: 'character' | 'word' | 'subword'
  /** A ready tokenizer; by default a vocabulary is built from the training text. */
  readonly tokenizer?: Tokenizer
  /** The most tokens of a vocabulary built from the training text; default 20000, of subwords 8192. */
  readonly maxVocabulary?: number
  /** The recurrent cell; default `'lstm'`. */
  readonly cell?: 'lstm' | 'gru' | 'simpleRNN'
  /** The number of recurrent layers; default 2. */
  readonly layers?: number
  /** The size of a recurrent layer's state; default 256. */
  readonly units?: number
  /** The size of a token's vector; default 64. */
  readonly embedding?: number
  /** The rate of dropout between the recurrent layers; default 0.2. */
  readonly dropout?: number
  /** Whether the vectors of tokens serve at the output, too; default false. */
  readonly tied?: boolean
  /** The seed of the first weights and of dropout; default 0. */
  readonly seed?: number
}

/** How a text generator is trained. */
export interface TrainGeneratorOptions {
  /** How often the text is read; default 10, or as many as 400 training steps need. */
  readonly epochs?: number
  /** How many parts of the text are read side by side; default 64, or as many as a short text has. */
  readonly batchSize?: number
  /**
   * How many tokens are read before each training step, through which errors go back; states go on from step to step.
   * Default 100, or as many as a short text has.
   */
  readonly time?: number
  /** Adam's first step, which falls to 0 on half a cosine, or a schedule; default 0.004. */
  readonly learningRate?: number | Schedule
  /**
   * The share of the text, its end, that is kept apart to measure on; default 0.1, or 0 where that would be fewer than
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
   * The share of tokens that the vocabulary of a model trained before may lack in the text of a further training;
   * default 0.1.
   */
  readonly maxUnknown?: number
  /** Stops training: `train` rejects with an AbortError, and the generator has the best weights so far. */
  readonly signal?: AbortSignal
  /** Called as batches end; quick batches may be reported together. */
  readonly onProgress?: (progress: GeneratorProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: GeneratorEpoch) => void | Promise<void>
}

/** How many texts are handled at once, and what stops it. */
export interface PredictTextsOptions {
  /** How many texts are handled at once; default 32. */
  readonly batchSize?: number
  /** Stops the call, which rejects with an AbortError. */
  readonly signal?: AbortSignal
}

/** How a classifier is trained; a tagger and a question answerer likewise. */
export interface TrainClassifierOptions<Row = LabelledText> {
  /** How often all rows are passed; default 8, or as many as 400 training steps need. */
  readonly epochs?: number
  /** How many rows a training step takes; default 32. */
  readonly batchSize?: number
  /** Adam's step, or a schedule of it; default 0.001. */
  readonly learningRate?: number | Schedule
  /**
   * The share of the rows that is kept apart to measure on: drawn by the seed, from every class in proportion, equal
   * rows together; every class keeps a row to train on. Default 0.1, or 0 where that is too little to tell epochs
   * apart: fewer than 20 different rows, or than 5 labels for each class.
   */
  readonly validationSplit?: number
  /** Rows to measure on instead. */
  readonly validationData?: readonly Row[]
  /**
   * Factors of the loss by label, in training only: `{ spam: 5 }`, or `'balanced'`, with which all labels weigh the
   * same; default 1.
   */
  readonly classWeight?: LabelWeights
  /**
   * Whether the weights of the epoch with the best validation accuracy (of equals, the lowest loss; without validation,
   * those of training) are put back in the end; default true, but where the validation part is too small to tell epochs
   * apart, the last epoch's weights are kept, with a warning.
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
   * The share of tokens that the vocabulary of a model trained before may lack in the rows of a further training;
   * default 0.1.
   */
  readonly maxUnknown?: number
  /** Stops training: `train` rejects with an AbortError, and the classifier has the best weights so far. */
  readonly signal?: AbortSignal
  /** Called as batches end; quick batches may be reported together. */
  readonly onProgress?: (progress: ClassifierProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: ClassifierEpoch) => void | Promise<void>
}

/** How a tagger is built. */
export interface SequenceTaggerOptions {
  /** The recurrent cell; default `'lstm'`. */
  readonly cell?: 'lstm' | 'gru' | 'simpleRNN'
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
   * How often a token must occur in the training rows to be told apart from unknown ones; default 2, so that there are
   * unknown ones to learn from, or 1 where that would leave more than a quarter of the tokens unknown.
   */
  readonly minFrequency?: number
  /** The seed of the first weights, of the split and of the order of training; default 0. */
  readonly seed?: number
}

/** How a translator is built. */
export interface TranslatorOptions {
  /** The recurrent cell of the encoder, and of the decoder but for Bahdanau's, which has its own; default `'lstm'`. */
  readonly cell?: 'lstm' | 'gru'
  /**
   * Bahdanau's attention inside of the decoder's recurrence, or Luong's after it, which takes less time a step but more
   * steps; default `'bahdanau'`.
   */
  readonly attention?: 'luong' | 'bahdanau'
  /** The number of recurrent layers of the encoder, and of the decoder; default 1. */
  readonly layers?: number
  /** The size of a recurrent layer's state, in the encoder in each direction; default 256. */
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
  /** The same for targets. Rows that hold arrays are tokens already. Default `'word'`. */
  readonly targetTokenizer?: Level
  /** Whether texts are lowercased by tokenizers built from the rows; default false. */
  readonly lowercase?: boolean
  /** The most tokens of each vocabulary built from the training rows; default 20000. */
  readonly maxVocabulary?: number
  /** How often a token must occur in the training rows to be in the vocabulary; default 1. */
  readonly minFrequency?: number
  /** The most tokens that are read of a text, the first ones; default 100. */
  readonly maxLength?: number
  /** The seed of the first weights, of the split, of dropout and of the order of training; default 0. */
  readonly seed?: number
}
