import type { QuestionAnswererOptions, TrainTaggerOptions } from '../optionTypes.js'
import { anyCell, cellSentence } from '../shared/cell.js'
import { encoderOption } from '../shared/encoder.js'
import { OptionTable, option, type SettingsOf } from '../shared/option.js'
import type { TaskListeners } from '../shared/training.js'
import { integer, number, seed } from '../shared/values.js'
import type { AnsweredQuestion } from './stories.js'

/** The options of `new QuestionAnswerer`. */
export const answererOptions = new OptionTable('QuestionAnswererOptions', 'How a question answerer is built.', {
  cell: option(anyCell, 'gru', cellSentence),
  units: option(integer(1), 64, "The size of a recurrent layer's state, in each direction"),
  embedding: option(integer(1), 64, "The size of a word's vector"),
  dropout: option(number(0, 1), 0, 'The rate of dropout after the embedding'),
  hops: option(
    integer(1, 16),
    1,
    'How often to look at the story; answers that follow from several facts need as many hops',
  ),
  minFrequency: option(integer(1), 2, 'How often a word must occur in the training rows to be known'),
  encoder: encoderOption(
    '`cell`, `units`, `embedding`, the recurrent layers and, besides those of the training rows, words',
  ),
  seed: option(
    seed,
    0,
    'The seed of the initial weights, the split, the words that are hidden in training, and the order of training',
  ),
})

/** How a question answerer is trained: as a classifier, without an accuracy while it trains. */
export type TrainAnswererOptions = Omit<TrainTaggerOptions<AnsweredQuestion>, 'onProgress' | 'onEpoch'> & TaskListeners

/** The options with their defaults. */
export type AnswererSettings = SettingsOf<QuestionAnswererOptions, typeof answererOptions>

/** Checks the options of `new QuestionAnswerer` and fills in the defaults; `ERR_OPTION`. */
export const answererSettings = (options: QuestionAnswererOptions): AnswererSettings =>
  answererOptions.read('QuestionAnswerer', options)
