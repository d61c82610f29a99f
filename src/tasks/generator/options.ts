import { type GenerateOptions, generateChecks } from '../../model/generate.js'
import { checkOptions, custom } from '../../options.js'
import type { TextGeneratorOptions, TrainGeneratorOptions } from '../optionTypes.js'
import { anyCell, cellSentence } from '../shared/cell.js'
import { encoderOption } from '../shared/encoder.js'
import { OptionTable, option, optional, type SettingsOf } from '../shared/option.js'
import {
  backupOptions,
  distribution,
  encoderTrainingOptions,
  furtherCallbacks,
  listeners,
  maxUnknown,
  trainingSignal,
} from '../shared/training.js'
import { flag, integer, number, oneOf, rate, seed, tokenizer } from '../shared/values.js'

/** The units that a text is cut into. */
export type TokenUnit = 'character' | 'word' | 'subword'

/** The options of `new TextGenerator`. */
export const generatorOptions = new OptionTable('TextGeneratorOptions', 'How a text generator is built.', {
  tokens: option(oneOf('character', 'word', 'subword'), 'character', 'The units that text is cut into'),
  tokenizer: optional(tokenizer, 'A ready tokenizer; by default a vocabulary is built from the training text'),
  maxVocabulary: optional(
    integer(3),
    'The most tokens of a vocabulary built from the training text',
    '20000, for subwords 8192',
  ),
  cell: option(anyCell, 'lstm', cellSentence),
  layers: option(integer(1, 64), 2, 'The number of recurrent layers'),
  units: option(integer(1), 256, "The size of a recurrent layer's state"),
  embedding: option(integer(1), 64, "The size of a token's vector"),
  dropout: option(number(0, 1), 0.2, 'The rate of dropout between the recurrent layers'),
  tied: option(flag, false, 'Whether the output layer uses the vectors of the tokens, too'),
  encoder: encoderOption(
    "tokens, `cell`, `layers`, `units`, `embedding` and the output layer, which is `tied`; its objective must be `'nextToken'`, its layers read forwards only",
  ),
  seed: option(seed, 0, 'The seed of the initial weights and of dropout'),
})

/** The options with their defaults. */
export type GeneratorSettings = SettingsOf<TextGeneratorOptions, typeof generatorOptions>

/** Checks the options of `new TextGenerator` and fills in the defaults; `ERR_OPTION`. */
export const generatorSettings = (options: TextGeneratorOptions): GeneratorSettings =>
  generatorOptions.read('TextGenerator', options)

/** How far training has come after a batch. */
export interface GeneratorProgress {
  /** The epoch, from 1. */
  readonly epoch: number
  /** How many epochs there are. */
  readonly epochs: number
  /** How many tokens this epoch has trained on. */
  readonly done: number
  /** How many tokens an epoch trains on. */
  readonly total: number
  /** The mean loss over the epoch so far, in nats per token. */
  readonly loss: number
}

/** The results of an epoch. */
export interface GeneratorEpoch {
  /** The epoch, from 1. */
  readonly epoch: number
  /** How many epochs there are. */
  readonly epochs: number
  /** The mean training loss, in nats per token. */
  readonly loss: number
  /** The loss on the end of the text, if a part of it is held out. */
  readonly valLoss?: number
  /** How long the epoch took, validation included. */
  readonly seconds: number
  /** The epoch, from 1, whose weights are kept so far: the best one, or the last if epochs cannot be told apart. */
  readonly best: number
}

/** The steps and rows of a training step, and the epochs, if there is enough text. */
export const usual = { time: 100, batchSize: 64, epochs: 10 }

/** The options of `TextGenerator.train`. */
export const trainGeneratorOptions = new OptionTable('TrainGeneratorOptions', 'How a text generator is trained.', {
  epochs: optional(
    integer(1),
    'How many passes over the text to make',
    `${usual.epochs}, or as many as 400 training steps need`,
  ),
  batchSize: optional(
    integer(1),
    'How many parts of the text are read side by side',
    `${usual.batchSize}, or fewer for a short text`,
  ),
  time: optional(
    integer(1),
    'How many tokens are read before each training step, through which errors are propagated back; states are ' +
      'carried from step to step.',
    `${usual.time}, or fewer for a short text`,
  ),
  learningRate: option(rate, 4e-3, "Adam's initial learning rate, which falls to 0 on half a cosine, or a schedule"),
  validationSplit: optional(
    number(0, 1),
    'The share of the text, from its end, that is held out for validation',
    '0.1, or 0 if that would be fewer than 100 tokens, which are too few to tell epochs apart',
  ),
  restoreBest: optional(
    flag,
    'Whether the weights of the epoch with the lowest loss (on the validation part, if there is one) are put ' +
      'back in the end',
    "true, but where the validation part is too small to tell epochs apart, the last epoch's weights are kept, " +
      'with a warning',
  ),
  ...encoderTrainingOptions('0, since all layers begin with the encoder'),
  ...backupOptions,
  ...distribution,
  maxUnknown: maxUnknown('text'),
  signal: trainingSignal('generator'),
  callbacks: furtherCallbacks,
  ...listeners('GeneratorProgress', 'GeneratorEpoch', './generator/options.js'),
})

/** The training options, with their defaults where these do not depend on the text. */
export type GeneratorTraining = SettingsOf<TrainGeneratorOptions, typeof trainGeneratorOptions>

/** Checks the options of `TextGenerator.train` and fills in the defaults; `ERR_OPTION`. */
export const generatorTraining = (options: TrainGeneratorOptions): GeneratorTraining =>
  trainGeneratorOptions.read('TextGenerator.train', options)

/** How text is generated: {@link GenerateOptions}, and where it ends. */
export interface GenerateTextOptions extends Omit<GenerateOptions, 'output' | 'from'> {
  /** Generation ends before the first of these strings; default none. */
  readonly stop?: string | readonly string[]
}

const isStop = (value: unknown) => typeof value === 'string' && value.length > 0

/** Checks the options of `TextGenerator.generate`; `ERR_OPTION`. Gives the strings to stop at and the rest. */
export function generateTextSettings(options: GenerateTextOptions): {
  stops: readonly string[]
  rest: GenerateOptions
} {
  checkOptions('TextGenerator.generate', options, {
    accepted: {
      ...generateChecks,
      stop: custom('a string that is not empty, or an array of them', (v) =>
        Array.isArray(v) ? v.every(isStop) : isStop(v),
      ),
    },
  })
  const { stop = [], ...rest } = options
  return { stops: typeof stop === 'string' ? [stop] : stop, rest }
}
