import { checkOptions, given, integer, number, seed } from '../../options.js'
import type { TaskListeners } from '../shared/taskReports.js'
import type { TrainClassifierOptions } from '../shared/training.js'
import type { AnsweredQuestion } from './stories.js'

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
  /** The seed of the first weights, of the split, of the words that are hidden in training and of its order; default 0. */
  readonly seed?: number
}

const defaults = { units: 64, embedding: 64, dropout: 0, hops: 1, minFrequency: 2, seed: 0 } as const

/** How a question answerer is trained: as a classifier, without an accuracy while it trains. */
export type TrainAnswererOptions = Omit<TrainClassifierOptions<AnsweredQuestion>, 'onProgress' | 'onEpoch'> &
  TaskListeners

/** The options with their defaults. */
export type AnswererSettings = Required<QuestionAnswererOptions>

/** Checks the options of `new QuestionAnswerer` and fills in the defaults; `ERR_OPTION`. */
export function answererSettings(options: QuestionAnswererOptions): AnswererSettings {
  checkOptions('QuestionAnswerer', options, {
    accepted: {
      units: integer(1),
      embedding: integer(1),
      dropout: number(0, 1),
      hops: integer(1, 16),
      minFrequency: integer(1),
      seed,
    },
  })
  return { ...defaults, ...given(options) }
}
